"""`[regimes.*]` in the file: an operator's own values, each with a reason, and errors that name the line."""

from __future__ import annotations

import dataclasses

import pytest

from prefcenter.catalog import CatalogError, digest, from_json, parse, to_json
from prefcenter.domain.regime_rows import Override

CONTROLLER = '[controller]\nname = "A"\npostal_address = "B"\nemail = "c@example.com"\n'
SET = """
[regimes.FR]
expires = 24
double_opt_in = false
reason = "Counsel, 3 November"

[regimes.FR.cells.email]
mode = "opt_in"
soft_opt_in = { customer = 24, member = "unlimited" }
reason = "Old customers"

[regimes.FR.cells.email.corporate]
implied = {}
reason = "None"

[regimes.US-CA]
processing = "opt_in"
reason = "Caution"

[regimes.STRICT]
review_due = "never"
reason = "x"
"""


def problems(lines: str) -> tuple[str, ...]:
    with pytest.raises(CatalogError) as caught:
        parse(CONTROLLER + lines)
    return caught.value.problems


def test_overrides_arrive_by_section_with_their_reasons() -> None:
    email = {"mode": "opt_in", "soft_opt_in": {"customer": 24, "member": "unlimited"}}
    corporate = ("cells", "email", "corporate")
    assert parse(CONTROLLER + SET).regimes == (
        Override(row="FR", reason="Counsel, 3 November", values={"expires": 24, "double_opt_in": False}),
        Override(row="FR", path=("cells", "email"), reason="Old customers", values=email),
        Override(row="FR", path=corporate, reason="None", values={"implied": {}}),
        Override(row="US-CA", reason="Caution", values={"processing": "opt_in"}),
        Override(row="STRICT", reason="x", values={"review_due": "never"}),
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[regimes.FR]\nexpires = 24", "[regimes.FR] line 5: 'reason' is missing; it must be text in quotes"),
        ('[regimes.FR]\nexpires = 24\nreason = " "', "[regimes.FR] line 7: 'reason' must be text in quotes"),
        (
            '[regimes.FR]\nreason = "x"',
            "[regimes.FR] line 6: 'reason' stands alone; say what it is the reason",
        ),
        (
            '[regimes.FR]\nexpires = 24\nreason = "x"\n[regimes.FR.cells.sms]\nmode = "opt_in"',
            "[regimes.FR.cells.sms] line 8: 'reason' is missing",
        ),
        ('[regimes.FR]\nexpire = 24\nreason = "x"', "line 6: unknown key 'expire'; did you mean 'expires'?"),
        ('[regimes.FR]\nexpires = "24"\nreason = "x"', "line 6: 'expires' must be whole months, such as 24"),
        ('[regimes.FR]\nbase = "EU"\nreason = "x"', "line 6: unknown key 'base'"),
        (
            '[regimes.FR]\nhonour_within = "1 hours"\nreason = "x"',
            "line 6: 'honour_within' is not the operator's",
        ),
        (
            '[regimes.GB.cells.email]\nsoft_since = { donor = 2020-01-01 }\nreason = "x"',
            "[regimes.GB.cells.email] line 6: 'soft_since' is not the operator's to set",
        ),
        (
            '[regimes.FR.cells.email]\nsoft_opt_in = { custmer = 1, donor = 0 }\nreason = "x"',
            "line 6: 'soft_opt_in' has an unknown kind of relationship 'custmer'; did you mean 'customer'?",
        ),
        (
            '[regimes.FR.cells.email]\nsoft_opt_in = { custmer = 1, donor = 0 }\nreason = "x"',
            "line 6: 'soft_opt_in' of donor must be whole months",
        ),
        (
            '[regimes.FR.cells.emial]\nmode = "opt_in"',
            "line 5: unknown channel 'emial'; did you mean 'email'?",
        ),
        (
            '[regimes.FR.cells.email.corprate]\nmode = "opt_in"',
            "[regimes.FR.cells.email] line 5: unknown key 'corprate'; did you mean 'corporate'?",
        ),
        ("[regimes.FR]\ncells = 3", "[regimes.FR.cells] line 6: must be a section"),
        ("[regimes.FR.cells]\nemail = 3", "[regimes.FR.cells.email] line 6: must be a section"),
        ('[regimes.UK]\nexpires = 24\nreason = "x"', "[regimes.UK] line 5: 'UK' is no country of ISO 3166"),
        ('[regimes.UK]\nexpires = 24\nreason = "x"', "did you mean 'GB'?"),
        ("[regimes]\nFR = 3", "[regimes] line 6: 'FR' must be a section; write [regimes.FR]"),
        ("[[regimes]]\nFR = 3", "line 5: 'regimes' must hold sections; write [regimes.FR]"),
        ("[regime.FR]", "unknown section [regime]; did you mean 'regimes'?"),
    ],
)
def test_a_mistake_in_an_override_is_named_with_line_and_remedy(lines: str, message: str) -> None:
    assert any(message in problem for problem in problems(lines)), problems(lines)


def test_json_keeps_overrides_and_a_catalog_without_any_keeps_its_old_hash() -> None:
    catalog = parse(CONTROLLER + SET)
    again = from_json(to_json(catalog))
    assert again == catalog and to_json(again) == to_json(catalog)
    assert b"regimes" not in to_json(parse(CONTROLLER))
    bare = dataclasses.replace(catalog, regimes=())
    assert digest(bare) == digest(parse(CONTROLLER)) != digest(catalog)
