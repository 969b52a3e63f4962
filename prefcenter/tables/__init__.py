"""Tables of people, in and out: CSV and NDJSON of any size, and what an import finds in them. No database.

`streams` reads, `writing` writes, `recognising` and `importing` say what the rows of an export mean.
"""
