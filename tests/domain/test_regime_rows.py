"""Rows as data: every mistake named at once, bases, an operator's own values, and the digest of it all."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest

from prefcenter.catalog import CatalogError
from prefcenter.catalog.regimes import regimes_from_json, regimes_to_json, shipped_regimes
from prefcenter.domain.regime_rows import Override, RegimeError, effective, parse_regimes
from prefcenter.domain.regimes import CONSENT_ONLY, STRICT, Mode

SOURCED = 'source = "A law"\nchecked = 2026-11-01\nconfidence = "P"\n'
STRICT_ROW = f'[STRICT]\ntitle = "Nowhere"\n[STRICT.review_due]\nvalue = 24\n{SOURCED}'
EU_ROW = f"""[EU]
title = "Union"
[EU.review_due]
value = 24
{SOURCED}
[EU.cells.email.mode]
value = "opt_in"
{SOURCED}
[EU.cells.email.soft_opt_in]
value = {{ customer = "unlimited", member = 12 }}
{SOURCED}
[EU.cells.post.mode]
value = "opt_out"
{SOURCED}
"""
FR_ROW = f"""[FR]
title = "France"
base = "EU"
[FR.expires]
value = 36
{SOURCED}
[FR.cells.email.soft_opt_in]
value = {{ customer = "ongoing" }}
{SOURCED}
"""
BASES = STRICT_ROW + EU_ROW + FR_ROW + '[BE]\ntitle = "Belgium"\nbase = "FR"\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(RegimeError) as caught:
        parse_regimes(text)
    return caught.value.problems


def of_value(lines: str, key: str = "expires") -> tuple[str, ...]:
    """The problems of a French row with this one value."""
    return problems(f'{STRICT_ROW}[FR]\ntitle = "France"\n[FR.{key}]\n{lines}')


def change(row: str, *path: str, **values: object) -> Override:
    return Override(row=row, path=path, reason="A test", values=values)


def test_a_missing_value_names_its_row_and_key() -> None:
    assert of_value(SOURCED) == ("FR: expires: 'value' is missing; say what counts",)
    assert of_value("value = 36\n", "cells.sms.mode")[:2] == (
        "FR: cells.sms.mode: 'source' is missing; cite where the rule stands",
        "FR: cells.sms.mode: 'checked' is missing; give the day it was looked up, such as 2026-11-01",
    )


def test_every_mistake_is_told_at_once() -> None:
    text = '[FR]\nbase = "EX"\n[FR.expire]\nvalue = 1\n[Fr]\ntitle = "x"\n'
    assert problems(text) == (
        "FR: title: must be the name that people use, in quotes",
        "FR: expire: unknown key 'expire'; did you mean 'expires'?",
        "Fr: 'Fr' is no country of ISO 3166, such as FR, nor a region, such as US-CA, nor EU or STRICT;"
        " did you mean 'FR'?",
        "STRICT: is missing; it is the row of whoever lives nowhere that is known",
        "FR: base: unknown row 'EX'; known are FR, Fr",
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("expires", '"36"', "'value' must be whole months, such as 24, or \"never\""),
        ("expires", "0", "'value' must be whole months"),
        ("expires", "true", "'value' must be whole months"),
        ("review_due", "2.5", "'value' must be whole months"),
        ("remind_every", '"unlimited"', "'value' must be whole months"),
        ("digital_age", "19", "'value' must be a whole number of years from 1 to 18"),
        ("double_opt_in", '"yes"', "'value' must be true or false, without quotes"),
        ("processing", '"optout"', "'value' must be opt_in or opt_out, in quotes"),
        ("honour_within", '"soon"', "'value' must be such as \"24 hours\""),
        ("cells.email.mode", "true", "'value' must be opt_in or opt_out"),
        ("cells.email.implied", "24", "'value' must be a table from kinds of relationship"),
        ("cells.email.implied", "{ customer = -1 }", "'value' of customer must be whole months, such as 24"),
        ("cells.sms.soft_opt_in", "{ custmer = 24 }", "did you mean 'customer'?"),
        (
            "cells.email.soft_since",
            '{ donor = "2026-02-05" }',
            "'value' of donor must be a day without quotes",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_told_what_it_must_be(key: str, value: str, message: str) -> None:
    (problem,) = of_value(f"value = {value}\n{SOURCED}", key)
    assert problem.startswith(f"FR: {key}: ") and message in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[FR.cells.emial.mode]\nvalue = 1",
            "FR: cells.emial: unknown channel 'emial'; did you mean 'email'?",
        ),
        ("[FR.cells.email.corprate.mode]", "FR: cells.email.corprate: unknown key 'corprate'; did you mean"),
        ("[FR.cells.email.individual]\nx = 1", "FR: cells.email.individual.x: unknown key 'x'; known are"),
        ("[FR.cells]\nemail = 1", "FR: cells.email: must be a section"),
        ("[FR.cells.email]\ncorporate = 1", "FR: cells.email.corporate: must be a section"),
        ("[FR]\ncells = 1", "FR: cells: must be a section"),
        ("[FR]\nexpires = 36", "FR: expires: must be a table with value, source, checked, confidence"),
        ("[FR]\nbase = 3", "FR: base: must be the name of another row"),
        ('[FR]\nbase = ""', "FR: base: must be the name of another row"),
        ("[FR]\ntitle = 3", "FR: title: must be the name that people use"),
        ('[FR.expires]\nconfidence = "X"', "FR: expires: 'confidence' must be one of P, S, K"),
        ('[FR.expires]\nchecked = "2026-11-01"', "FR: expires: 'checked' must be a day without quotes"),
        (
            "[FR.expires]\nchecked = 2026-11-01T00:00:00Z",
            "FR: expires: 'checked' must be a day without quotes",
        ),
        ('[FR.expires]\nsource = " "', "FR: expires: 'source' must be text in quotes, not empty"),
        ("[FR.expires]\nnote = 3", "FR: expires: 'note' must be text in quotes, not empty"),
        ('[FR.expires]\nsourc = "x"', "FR: expires: unknown key 'sourc'; did you mean 'source'?"),
        ("FR = 3", "FR: must be a section; write [FR]"),
        ("[UK]", "UK: 'UK' is no country of ISO 3166"),
        ("[UK]", "did you mean 'GB'?"),
        ("[XX]", "XX: 'XX' is no country"),
        ('["US-"]', "US-: 'US-' is no country"),
        ('["us-ca"]', "did you mean 'US-CA'?"),
        ("[FR", "not valid TOML: "),
    ],
)
def test_a_misplaced_word_names_the_row_and_the_nearest_that_is_known(text: str, message: str) -> None:
    assert any(message in problem for problem in problems(text)), problems(text)


def test_bases_that_lead_in_a_circle_are_refused() -> None:
    text = STRICT_ROW + "".join(
        f'[{row}]\ntitle = "x"\nbase = "{base}"\n' for row, base in (("DE", "FR"), ("FR", "DE"), ("AT", "AT"))
    )
    assert problems(text) == (
        "DE: base: leads in a circle, DE to FR to DE; take one of them out",
        "FR: base: leads in a circle, FR to DE to FR; take one of them out",
        "AT: base: leads in a circle, AT to AT; take one of them out",
    )


def test_a_row_is_as_its_base_key_by_key_but_for_its_own() -> None:
    regimes = effective(parse_regimes(BASES))
    france, belgium, strict = (regimes.of(name) for name in ("FR", "BE", STRICT))
    assert (france.expires, france.review_due) == (36, 24)
    assert france.cell("email", None).mode is Mode.OPT_IN
    assert france.cell("email", None).soft_opt_in == {"customer": 0}
    assert france.cell("post", None).mode is Mode.OPT_OUT
    assert (belgium.title, belgium.cells) == ("Belgium", france.cells)
    assert belgium.expires == 36
    assert strict.cell("email", None) == CONSENT_ONLY and strict.expires is None


def test_where_a_value_comes_from_stays_with_it() -> None:
    text = BASES.replace(SOURCED, SOURCED + 'note = "So"\n')
    held = parse_regimes(text)["FR"].values["expires",]
    assert (held.value, held.source, held.checked) == (36, "A law", date(2026, 11, 1))
    assert (held.confidence, held.note) == ("P", "So")


def test_an_operators_value_wins_over_the_shipped_one() -> None:
    regimes = effective(
        parse_regimes(BASES),
        [
            change("FR", expires="never", double_opt_in=False),
            change("FR", "cells", "email", soft_opt_in={"member": 6}),
            change("FR", "cells", "email", "corporate", mode="opt_out"),
        ],
    )
    france = regimes.of("FR")
    assert (france.expires, france.double_opt_in, france.review_due) == (None, False, 24)
    assert france.cell("email", "individual").soft_opt_in == {"member": 6}
    assert france.cell("email", "corporate").mode is Mode.OPT_OUT
    assert regimes.of("EU").double_opt_in


def test_an_operators_value_for_a_base_reaches_what_stands_on_it_save_its_own_values() -> None:
    regimes = effective(parse_regimes(BASES), [change("EU", review_due=12, expires=48)])
    assert (regimes.of("EU").review_due, regimes.of("FR").review_due) == (12, 12)
    assert (regimes.of("EU").expires, regimes.of("FR").expires) == (48, 36)


def test_a_row_that_only_the_operator_names_is_strict_otherwise_and_a_region_as_its_country() -> None:
    overrides = [
        change("ZA-GP", "cells", "sms", mode="opt_out"),
        change("ZA", digital_age=18),
        change("FR-75", digital_age=13),
    ]
    regimes = effective(parse_regimes(BASES), overrides)
    assert (regimes.of("ZA").review_due, regimes.of("ZA").digital_age) == (24, 18)
    assert regimes.of("ZA-WC").name == "ZA"
    assert regimes.of("ZA-GP").digital_age == 18
    assert regimes.of("ZA-GP").cell("sms", None).mode is Mode.OPT_OUT
    assert (regimes.of("FR-75").expires, regimes.of("FR-75").digital_age) == (36, 13)


def test_the_digest_follows_what_counts_and_not_how_it_is_written() -> None:
    rows = parse_regimes(BASES)
    digest = effective(rows).digest
    assert digest == hashlib.sha256(regimes_to_json(effective(rows))).hexdigest()
    assert digest == effective(dict(reversed(list(rows.items())))).digest
    assert digest == effective(parse_regimes(BASES.replace("A law", "Another"))).digest
    assert digest == effective(rows, [change("FR", expires=36)]).digest
    assert digest != effective(rows, [change("FR", expires=37)]).digest
    assert digest != effective(rows, [change("FR", "cells", "email", mode="opt_out")]).digest


@pytest.mark.parametrize("overrides", [(), (change("FR", double_opt_in=False), change("ZA", expires=1))])
def test_regimes_go_through_json_and_come_back_the_same(overrides: tuple[Override, ...]) -> None:
    regimes = effective(shipped_regimes(), overrides)
    again = regimes_from_json(regimes_to_json(regimes))
    assert again == regimes
    assert regimes_to_json(again) == regimes_to_json(regimes)


def test_json_leaves_out_what_is_empty_so_that_new_keys_change_no_old_digest() -> None:
    body = regimes_to_json(effective(parse_regimes(STRICT_ROW)))
    assert body == (
        b'[{"digital_age":16,"double_opt_in":true,"name":"STRICT","processing":"opt_in","review_due":24,'
        b'"title":"Nowhere"}]'
    )


def test_what_is_no_stored_set_of_regimes_is_refused() -> None:
    whole = regimes_to_json(effective(shipped_regimes()))
    for data in (b"", b"{}", b"\xff", b"[]", b"[1]", whole[:-1], whole.replace(b'"STRICT"', b'"LAX"')):
        with pytest.raises(CatalogError, match="not stored regimes"):
            regimes_from_json(data)
