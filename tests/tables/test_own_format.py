"""prefcenter's own format, as CSV and NDJSON, and bare lists of stops."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Bad, Declaration, Found, Skipped, open_import
from prefcenter.tables.own import COLUMNS
from prefcenter.web.api.types import SubjectIn
from tests.tables.reading import DECLARED, bad_in, found_in, imported, rows_of, written

ADA = {
    "email": " Ada@Example.com ",
    "purpose": "newsletter",
    "channel": "Email",
    "action": "give",
    "occurred_at": "2026-03-01T11:00:00+01:00",
    "wording": "Ja, schickt mir\nden Newsletter.",
    "source": "newsletter form, footer",
    "url": "https://example.com/",
    "ip": "203.0.113.7",
    "user_agent": "Firefox",
    "country": "uk",
    "language": "en_GB",
    "age_band": "adult",
    "subscriber": "individual",
    "external_id": "c-1",
    "relationship_kind": "customer",
    "relationship_since": "2025-01-01T00:00:00Z",
    "relationship_last_at": "2025-06-01T00:00Z",
    "relationship_ended_at": "2025-07-01 00:00:00.123456789Z",
    "relationship_ongoing": "no",
    "opt_out_offered_at": "2025-01-01T00:00:00z",
    "opt_out_wording": "No newsletter, please",
    "last_contact_at": "2026-01-01T00:00:00-0530",
}


def a_row(folder: Path, **changes: str) -> Path:
    row = {**ADA, **changes}
    out = io.StringIO(newline="")
    csv.writer(out).writerows([row.keys(), row.values()])
    return written(folder, out.getvalue())


def test_every_column_is_read(tmp_path: Path) -> None:
    (found,) = found_in(a_row(tmp_path))
    assert set(ADA) == set(COLUMNS)
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert found[2:7] == ("Ada@Example.com", "newsletter", "email", "give", at)
    evidence = ("wording", "source", "url", "ip", "user_agent")
    assert found.evidence == {name: ADA[name] for name in evidence}
    assert found.external_id == "c-1"
    assert found.facts == {
        "country": "GB",
        "language": "en-GB",
        "age_band": "adult",
        "subscriber": "individual",
        "last_contact_at": datetime(2026, 1, 1, 5, 30, tzinfo=UTC),
        "relationship": {
            "kind": "customer",
            "since": datetime(2025, 1, 1, tzinfo=UTC),
            "last_at": datetime(2025, 6, 1, tzinfo=UTC),
            "ended_at": datetime(2025, 7, 1, 0, 0, 0, 123456, tzinfo=UTC),
            "ongoing": False,
            "opt_out_offered": {"at": datetime(2025, 1, 1, tzinfo=UTC), "wording": "No newsletter, please"},
        },
    }


def test_facts_have_the_shape_of_the_api(tmp_path: Path) -> None:
    (found,) = found_in(a_row(tmp_path))
    subject = msgspec.convert(
        {"email": found.email, "external_id": found.external_id, **found.facts}, SubjectIn
    )
    assert (
        msgspec.to_builtins(subject)["relationship"]["opt_out_offered"]["wording"] == "No newsletter, please"
    )


def test_ndjson_says_the_same_as_csv(tmp_path: Path) -> None:
    objects = [
        {**ADA, "relationship_ongoing": False},
        {"email": "b@example.com", "action": "withdraw", "purpose": None, "external_id": 7},
    ]
    text = "\n\n".join(json.dumps(each) for each in objects)
    path = written(tmp_path, text, "people.ndjson")
    first, second = found_in(path)
    (expected,) = found_in(a_row(tmp_path))
    # All that it says, but for the place and the row itself.
    assert first[2:-1] == expected[2:-1]
    assert (second.line, second.action, second.purpose, second.external_id) == (3, "withdraw", "*", "7")


def test_ndjson_goes_on_from_any_row(tmp_path: Path) -> None:
    text = "".join(f'{{"email": "p{n}@example.com", "country": "DE"}}\n' + "\n" * (n % 2) for n in range(6))
    path = written(tmp_path, text)
    everything = found_in(path)
    for number, found in enumerate(everything, 1):
        with open_import(path, start=found.position) as table:
            assert [row.line for row in table.rows] == [each.line for each in everything[number:]]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"email": ', "not JSON"),
        ('["a@example.com"]', "not a JSON object"),
        ('{"email": "a@example.com", "actoin": "give"}', "unknown field: 'actoin'"),
        ('{"email": "a@example.com", "action": "give", "action": "withdraw"}', "stands twice"),
        ('{"email": {"address": "a@example.com"}}', "email: must be a text"),
        ('{"email": "a@example.com", "external_id": 1.5}', "external_id: must be a text"),
        ('{"email": "a@example.com", "external_id": ' + "9" * 5000 + "}", "not JSON"),
        ('{"email": "a@example.com", "external_id": "\\ud800"}', "control character"),
        ('{"email": ' + "[" * 100_000 + "}", "not JSON"),
        ('{"email": "a@example.com", "wording": "' + "x" * 1_100_000 + '"}', "line too long"),
        ('{"email": "a\0@example.com"}', "NUL"),
    ],
)
def test_a_bad_object_costs_itself_only(line: str, why: str, tmp_path: Path) -> None:
    good = '{"email": "z@example.com", "country": "DE"}\n'
    _, bad, last = imported(written(tmp_path, f"{good}{line}\n{good}"))
    assert isinstance(bad, Bad)
    assert (bad.line, why in bad.reason) == (2, True)
    assert isinstance(last, Found)


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("email", "", "is empty"),
        ("email", "ada@", "not a domain name"),
        ("email", "=cmd|'/c calc'!A1", "needs an @"),
        ("email", "ada\x07@example.com", "mail does not allow"),
        ("email", "ada@example.com,bob@example.com", "mail does not allow"),
        ("purpose", "News Letter", "key of a purpose"),
        ("purpose", "*", "one and not *"),
        ("purpose", "", "one and not *"),
        ("channel", "fax", "must be one of email, sms"),
        ("action", "subscribe", "must be one of give, refuse"),
        ("occurred_at", "2026-03-01T11:00:00", "needs a time zone"),
        ("occurred_at", "2026-03-01", "needs a time zone"),
        ("occurred_at", "01.03.2026 11:00", "must be a time like"),
        ("occurred_at", "2026-02-30T00:00:00Z", "no time of the calendar"),
        ("occurred_at", "2026-02-28T24:00:00Z", "no time of the calendar"),
        ("occurred_at", "2026-11-20T12:00:01Z", "in the future"),
        ("occurred_at", "1899-12-31T23:59:59Z", "1900 to 2999"),
        ("occurred_at", "0001-01-01T00:00:00+05:00", "no time of the calendar"),
        ("relationship_since", "2999-01-01T00:00:00Z", "in the future"),
        ("wording", "x" * 4001, "at most 4000"),
        ("wording", "a\x1b[2J", "control character"),
        ("ip", "x" * 46, "at most 45"),
        ("country", "Germany", "ISO 3166"),
        ("country", "EU", "an ISO 3166-1 alpha-2 code such as DE"),
        ("country", "STRICT", "an ISO 3166-1 alpha-2 code such as DE"),
        ("relationship_ended_at", "2024-12-31T23:59:59Z", "before the relationship began"),
        ("language", "englisch!", "language tag"),
        ("age_band", "12", "must be one of under_13"),
        ("subscriber", "company", "must be one of individual"),
        ("relationship_kind", "friend", "must be one of customer"),
        ("relationship_kind", "", "relationship_kind: is missing"),
        ("relationship_since", "", "relationship_since: is missing"),
        ("relationship_ongoing", "maybe", "true or false"),
        ("opt_out_wording", "", "opt_out_wording: is missing"),
        ("opt_out_offered_at", "", "opt_out_offered_at: is missing"),
        ("external_id", "x" * 256, "at most 255"),
        ("external_id", "a\tb", "control character"),
    ],
)
def test_a_cell_that_is_wrong_is_named_by_its_column_and_not_repeated(
    column: str, cell: str, why: str, tmp_path: Path
) -> None:
    (bad,) = bad_in(a_row(tmp_path, **{column: cell}))
    assert column in bad.reason
    assert why in bad.reason
    assert len(cell) < 12 or cell not in bad.reason
    assert (bad.line, len(bad.cells)) == (2, len(COLUMNS))


def test_a_relationship_that_ended_does_not_go_on(tmp_path: Path) -> None:
    (bad,) = bad_in(a_row(tmp_path, relationship_ongoing="yes"))
    assert bad.reason.startswith("relationship_ended_at: does not go with an ongoing relationship; leave one")


@pytest.mark.parametrize("action", ["withdraw", "refuse", "object", "complain", "bounce"])
def test_a_stop_is_a_stop_without_a_purpose_or_a_good_date(action: str, tmp_path: Path) -> None:
    (found,) = found_in(a_row(tmp_path, action=action.upper(), purpose="", occurred_at="yesterday"))
    assert (found.action, found.purpose, found.occurred_at) == (action, "*", None)
    assert found.evidence["stated_time"] == "yesterday"
    assert len(found.left_out) == 1
    (named,) = found_in(a_row(tmp_path, action=action))
    everywhere = action in ("complain", "bounce")
    assert named.purpose == ("*" if everywhere else "newsletter")
    assert named.occurred_at == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_a_purpose_for_the_file_fills_the_rows_without_one(tmp_path: Path) -> None:
    text = "email,purpose,action\na@example.com,,give\nb@example.com,offers,give\nc@example.com,,object\n"
    found = found_in(written(tmp_path, text), purpose="newsletter")
    assert [each.purpose for each in found] == ["newsletter", "offers", "newsletter"]


def test_a_row_without_an_action_is_facts_or_nothing(tmp_path: Path) -> None:
    rows = "a@example.com,newsletter,DE,\nb@example.com,,,7\nc@example.com,,,\n"
    text = f"email,purpose,country,external_id\n{rows}"
    facts, known, nothing = imported(written(tmp_path, text), purpose="newsletter")
    assert isinstance(facts, Found)
    assert facts[3:9] == (None, None, None, None, {}, {"country": "DE"})
    assert isinstance(known, Found)
    assert isinstance(nothing, Skipped)
    assert nothing.position == len(text)


def test_the_operator_declares_for_rows_that_have_no_words_of_their_own(tmp_path: Path) -> None:
    rows = "a@example.com,offers,give,,shop\nb@example.com,offers,withdraw,,\n"
    text = f"email,purpose,action,wording,source\n{rows}"
    give, stop = found_in(written(tmp_path, text), declaration=DECLARED)
    assert give.evidence == {
        "source": "shop",
        "wording": "Yes, send me the newsletter",
        "declared": ["wording"],
    }
    assert stop.evidence == {}
    too_long = Declaration(wording="x" * 4001, source="")
    with pytest.raises(TableError, match="the declaration must have at most 4000 characters"):
        imported(written(tmp_path, text), declaration=too_long)


def test_every_row_of_a_stop_list_stops_the_purpose_or_everything(tmp_path: Path) -> None:
    for text in (
        "a@example.com\nb@example.com",
        "Adresse\na@example.com\nb@example.com\n",
        "name;E-Mail Address\nA;a@example.com\nB;b@example.com\n",
        '{"email": "a@example.com", "action": "give"}\n{"email": "b@example.com"}\n',
    ):
        path = written(tmp_path, text)
        found = found_in(path, stop=True)
        assert [each[2:7] for each in found] == [
            (f"{name}@example.com", "*", None, "object", None) for name in "ab"
        ]
        assert {(each.purpose, each.action) for each in found_in(path, stop=True, purpose="newsletter")} == {
            ("newsletter", "withdraw")
        }
    (bad,) = bad_in(written(tmp_path, "a@example.com\nnobody\n"), stop=True)
    assert bad.reason == "email: an email address needs an @"
    with pytest.raises(TableError, match="needs a column 'email' or"):
        imported(written(tmp_path, "name,phone\n"), stop=True)


def test_a_list_of_addresses_alone_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="--stop makes each a stop"):
        imported(written(tmp_path, "Email\na@example.com\n"))


def test_an_unknown_header_is_told_what_was_found_and_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(TableError) as refused:
        imported(written(tmp_path, "Email,Vorname,Datum\n"))
    assert "it has: Email, Vorname, Datum" in str(refused.value)
    assert all(name in str(refused.value) for name in COLUMNS)
    assert len(rows_of(written(tmp_path, "Email,Vorname,Datum\n"))) == 0
