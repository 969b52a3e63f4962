"""The statements of campaigns, for both databases."""

from __future__ import annotations

from prefcenter.domain.campaign_words import LIVE
from prefcenter.storage.database import Statement, insert

_CAMPAIGN_COLUMNS = 'id, purpose, version, kind, state, per_minute, "after", counts, created_at, ended_at'
_WHICH = "purpose = ${} AND version = ${} AND kind = ${}"

CAMPAIGN = f"SELECT {_CAMPAIGN_COLUMNS} FROM campaign WHERE {_WHICH.format(1, 2, 3)}"
ALL_CAMPAIGNS = f"SELECT {_CAMPAIGN_COLUMNS} FROM campaign ORDER BY created_at DESC, id"

_CAMPAIGN_TYPES = {
    "id": "text",
    "purpose": "text",
    "version": "int",
    "kind": "text",
    "state": "text",
    "per_minute": "int",
    "after": "bigint",
    "counts": "text",
    "created_at": "bigint",
    "ended_at": "bigint",
}
# One for each version of a purpose, whoever makes it first.
ADD_CAMPAIGN = insert("campaign", _CAMPAIGN_TYPES, "ON CONFLICT (purpose, version, kind) DO NOTHING")

# One that was done begins a new round: others may be askable by now.
AGAIN = f"""
UPDATE campaign SET state = 'running', "after" = 0, counts = '{{}}', ended_at = NULL
WHERE state = 'done' AND {_WHICH.format(1, 2, 3)} RETURNING id
"""
SET_PACE = f"UPDATE campaign SET per_minute = $1 WHERE {_WHICH.format(2, 3, 4)} RETURNING id"

# Two processes on one campaign: whoever comes second finds the cursor moved.
ADVANCE = """
UPDATE campaign SET "after" = $1, counts = $2
WHERE id = $3 AND "after" = $4 AND state = 'running' RETURNING id
"""
END = "UPDATE campaign SET state = 'done', ended_at = $1 WHERE id = $2 AND state = 'running' RETURNING id"

CONTACTS = "SELECT id, subject_id FROM contact_point WHERE id > $1 AND channel = $2 ORDER BY id LIMIT $3"
COUNT_CONTACTS = "SELECT count(*) FROM contact_point WHERE channel = $1 AND id > $2"

_ASKED = """
SELECT a.id, a.campaign_id, a.subject_id, a.carrier, a.state, a.queued_at, a.asked_at, a.reminded_at,
       a.answered_at, c.purpose, c.version, c.kind
FROM asked a JOIN campaign c ON c.id = a.campaign_id WHERE
"""
ASKED_OF = f"{_ASKED} a.subject_id {{keys}} ORDER BY a.queued_at, a.id"
ASKED_ONE = f"{_ASKED} a.id = $1"
SILENT = f"""{_ASKED} a.campaign_id = $1 AND a.state = 'asked' AND a.reminded_at IS NULL
AND a.asked_at > $2 AND a.asked_at <= $3 AND (a.asked_at, a.id) > ($4, $5) ORDER BY a.asked_at, a.id LIMIT $6
"""
STATES = "SELECT campaign_id, state, count(*), count(asked_at) FROM asked GROUP BY campaign_id, state"

_ASKED_TYPES = {
    "id": "text",
    "campaign_id": "text",
    "subject_id": "text",
    "carrier": "text",
    "state": "text",
    "queued_at": "bigint",
    "asked_at": "bigint",
    "reminded_at": "bigint",
    "answered_at": "bigint",
}
# Somebody who was passed over, or whose rest is over, is asked anew: what was before stands in the ledger.
PUT_ASKED = insert(
    "asked",
    _ASKED_TYPES,
    "ON CONFLICT (id) DO UPDATE SET carrier = excluded.carrier, state = excluded.state, "
    "queued_at = excluded.queued_at, asked_at = NULL, reminded_at = NULL, answered_at = NULL",
)
PUT_PAGE_ANSWER = insert(
    "asked",
    _ASKED_TYPES,
    "ON CONFLICT (campaign_id, subject_id) DO UPDATE SET state = excluded.state, "
    "answered_at = excluded.answered_at",
)

DROP = "UPDATE asked SET state = $1 WHERE id = $2 AND state = 'queued' RETURNING id"
CARRY = "UPDATE asked SET carrier = $1 WHERE id = $2 RETURNING id"
REMIND = """
UPDATE asked SET reminded_at = $1 WHERE id = $2 AND state = 'asked' AND reminded_at IS NULL RETURNING id
"""
SETTLE = Statement(
    postgres="""
UPDATE asked AS a SET state = v.state FROM unnest($1::text[], $2::text[]) AS v(id, state)
WHERE a.id = v.id AND a.state = 'asked'
""",
    sqlite="UPDATE asked SET state = ?2 WHERE id = ?1 AND state = 'asked'",
)

# Written in the transaction of the ledger entry that says the same.
MARK_ASKED = Statement(
    postgres="""
UPDATE asked AS a SET state = 'asked', asked_at = v.at FROM unnest($1::text[], $2::bigint[]) AS v(id, at)
WHERE a.id = v.id AND a.state = 'queued'
""",
    sqlite="UPDATE asked SET state = 'asked', asked_at = ?2 WHERE id = ?1 AND state = 'queued'",
)
MARK_REMINDED = Statement(
    postgres="""
UPDATE asked AS a SET reminded_at = v.at FROM unnest($1::text[], $2::bigint[]) AS v(id, at) WHERE a.id = v.id
""",
    sqlite="UPDATE asked SET reminded_at = ?2 WHERE id = ?1",
)

_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))
# In every campaign that asked them the same.
MARK_ANSWERED = Statement(
    postgres=f"""
UPDATE asked AS a SET state = v.state, answered_at = v.at
FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::bigint[])
     AS v(subject, purpose, version, state, at), campaign AS c
WHERE a.subject_id = v.subject AND c.id = a.campaign_id AND c.purpose = v.purpose AND c.version = v.version
  AND a.state IN ({_LIVE})
""",
    sqlite=f"""
UPDATE asked SET state = ?4, answered_at = ?5 WHERE subject_id = ?1 AND state IN ({_LIVE})
AND campaign_id IN (SELECT id FROM campaign WHERE purpose = ?2 AND version = ?3)
""",
)
