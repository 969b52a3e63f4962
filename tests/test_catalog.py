"""The catalog: what a file may say, errors that name line and remedy, and JSON that keeps it all."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.catalog import CatalogError, digest, from_json, parse, read, to_json
from prefcenter.catalog.toml_lines import line_numbers
from prefcenter.domain.purposes import Basis, Channel, Kind, SoftOptInOffer, Translation

CONTROLLER = """[controller]
name = "Example Ltd"
postal_address = "1 Example Street"
email = "privacy@example.com"
"""
NEWSLETTER = """[purposes.newsletter]
title = "News"
description = "Monthly."
"""
FULL = (
    CONTROLLER
    + """
[notice]
version = "2026-11"
url = "https://example.com/privacy"
published = 2026-11-01
change = "substantial"

[purposes.zebra]
title = "Zebra"
description = "First in the file."
channels = ["sms", "email"]
recipients = ["partner"]
data = ["email"]
require_proof = "confirmed"
double_opt_in = false

[purposes.offers]
title = "Offers"
description = "Similar things."
basis = "legitimate_interest"
similar_to_purchase = true
soft_opt_in = { offered_since = 2025-01-01, wording = "You can say no." }

[purposes.account]
title = "Account"
description = "Invoices."
kind = "service"
category = "account"
why = "It is needed."
basis = "contract"

[purposes.zebra.pt-BR]
title = "Zebra (br)"
description = "Primeira."

[recipients.partner]
name = "Partner"
connection = "main"

[connections.main]
provider = "postmark"
purposes = { zebra = "stream:broadcast", "*" = "all" }
private = true
api_key = "env:TOKEN"
basic = ["env:LOGIN"]
tolerance = 300
"""
)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(CatalogError) as caught:
        parse(text)
    return caught.value.problems


def of_purpose(lines: str) -> tuple[str, ...]:
    """The problems of a newsletter with these lines added."""
    return problems(CONTROLLER + NEWSLETTER + lines)


def test_the_whole_file_arrives_typed_and_in_its_order() -> None:
    catalog = parse(FULL)
    assert list(catalog.purposes) == ["zebra", "offers", "account"]
    zebra, offers, account = catalog.purposes.values()
    assert zebra.channels == (Channel.SMS, Channel.EMAIL)
    assert (zebra.kind, zebra.basis, zebra.double_opt_in) == (Kind.MARKETING, None, False)
    assert zebra.translations == {"pt-BR": Translation(title="Zebra (br)", description="Primeira.")}
    assert offers.soft_opt_in == SoftOptInOffer(offered_since=date(2025, 1, 1), wording="You can say no.")
    assert account.basis is Basis.CONTRACT and not account.is_a_choice
    assert catalog.notice and catalog.notice.published == date(2026, 11, 1)
    assert catalog.recipients["partner"].connection == "main"


def test_options_of_a_connection_stay_unresolved() -> None:
    main = parse(FULL).connections["main"]
    assert main.options == {"api_key": "env:TOKEN", "basic": ["env:LOGIN"], "tolerance": 300}
    assert main.purposes == {"zebra": "stream:broadcast", "*": "all"}
    assert main.private
    assert "TOKEN" not in repr(main)


def test_a_typo_names_the_section_the_line_and_the_remedy() -> None:
    assert problems(CONTROLLER + '\n[purposes.newsletter]\ntilte = "News"\ndescription = "Monthly."\n') == (
        "[purposes.newsletter] line 6: 'title' is missing; it must be one line of text in quotes, not empty",
        "[purposes.newsletter] line 7: unknown key 'tilte'; did you mean 'title'?",
    )


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = CONTROLLER.replace("name =", "nmae =") + NEWSLETTER + 'kind = "marketng"\n[colours]\nx = 1\n'
    assert [problem.split(": ")[0] for problem in problems(text)] == [
        "[controller] line 1",
        "[controller] line 2",
        "[purposes.newsletter] line 8",
        "line 9",
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "marketng"', "line 8: 'kind' must be one of marketing, service, disclosure"),
        ('kind = "marketng"', "not 'marketng'; did you mean 'marketing'?"),
        ('channels = ["email", "smss"]', "not 'smss'; did you mean 'sms'?"),
        ("channels = []", "'channels' must be a list of at least one of email"),
        ('channels = ["email", "email"]', "'channels' names 'email' twice"),
        ('channels = "email"', "'channels' must be a list"),
        ('basis = "consnet"', "did you mean 'consent'?"),
        ('double_opt_in = "true"', "'double_opt_in' must be true or false, without quotes"),
        ('data = ["email", 3]', "'data' must be a list of texts"),
        ('require_proof = "none"', "'require_proof' must be one of confirmed, signed_in"),
        ('recipients = ["partner"]', "unknown recipient 'partner'; none is declared; declare it as"),
        ('basis = "contract"', "a marketing purpose cannot rest on contract"),
        ('kind = "disclosure"\nbasis = "legal_obligation"', "line 9: a disclosure purpose cannot rest on"),
        ('kind = "service"\ncategory = "legal"\nwhy = "x"', "a service purpose needs a 'basis'"),
        (
            'kind = "service"\nbasis = "consent"\ncategory = "legal"\nwhy = "x"',
            "line 9: a service purpose needs",
        ),
        ('kind = "service"\nbasis = "contract"\ncategory = "legal"', "a service purpose needs 'why'"),
        ('kind = "service"\nbasis = "contract"\nwhy = "x"', "needs 'category'; it must be one of receipt"),
        ('kind = "service"\nbasis = "contract"\nwhy = "x"\ncategory = "news"', "'category' must be one of"),
        ('category = "account"', "'category' is for kind = \"service\" only"),
        (
            'basis = "consent"\nsoft_opt_in = { offered_since = 2025-01-01, wording = "x" }',
            "line 9: 'soft_opt_in' does nothing under basis = \"consent\"",
        ),
        (
            'soft_opt_in = { offered_snice = 2025-01-01, wording = "x" }',
            "[purposes.newsletter.soft_opt_in] line 8: unknown key 'offered_snice'; did you mean",
        ),
        ('soft_opt_in = "yes"', "'soft_opt_in' must be {"),
        ('de = "Neues"', "line 8: unknown key 'de'"),
        (
            '[purposes.newsletter.de]\ntitle = "Neues"',
            "[purposes.newsletter.de] line 8: 'description' is missing",
        ),
        ('[purposes.newsletter.deutsch]\ntitle = "Neues"', "line 8: unknown key 'deutsch'"),
        ('[purposes.newsletter.pt_BR]\ntitle = "Neues"', "unknown key 'pt_BR'"),
        (
            'kind = "service"\nbasis = "contract"\nwhy = "x"\ncategory = "legal"\ndouble_opt_in = true',
            "line 12: 'double_opt_in' does nothing where nobody is asked",
        ),
        (
            'basis = "consent"\nsimilar_to_purchase = true',
            "line 9: 'similar_to_purchase' does nothing under consent",
        ),
        ("version = 3", "unknown key 'version'"),
        ("retired = true", "unknown key 'retired'"),
        (
            '[purposes.News_Letter]\ntitle = "x"\ndescription = "x"',
            "the key 'News_Letter' must begin with a-z",
        ),
        ('[purposes."*"]\ntitle = "x"\ndescription = "x"', "[purposes.'*'] line 8: the key '*' must begin"),
        (
            '[purposes.check--one-click]\ntitle = "x"\ndescription = "x"',
            "the key 'check--one-click' is kept for `prefcenter check`",
        ),
        ("[purpose.x]", "line 8: unknown section [purpose]; did you mean 'purposes'?"),
        ("[brands.x]", "unknown section [brands]"),
        ('[recipients.partner]\nname = "Partner"', "nobody could be told of a change; give 'email' or"),
        ('[recipients.p]\nname = "P"\nconnection = "main"', "unknown connection 'main'"),
        ('[connections.main]\napi_key = "x"', "[connections.main] line 8: 'provider' is missing"),
        ('[connections.main]\nprovider = "x"\npurposes = { newletter = "a" }', "did you mean 'newsletter'?"),
        ('[connections.main]\nprovider = "x"\nsince = 2025-01-01', "line 10: 'since' must be text"),
        ('[connections.main]\nprovider = "x"\nratio = [nan]', "line 10: 'ratio' must be text"),
        ('[connections.main]\nprovider = "x"\nprivate = 1', "'private' must be true or false"),
        (
            '[notice]\nversion = "1"\nurl = "example.com"\npublished = 2026-11-01\nchange = "minor"',
            "line 10: 'url'",
        ),
        (
            '[notice]\nversion = "1"\nurl = "https://a.b"\npublished = 1\nchange = "minor"',
            "a day without quotes",
        ),
        (
            '[notice]\nversion = "1"\nurl = "https://a.b"\npublished = "2026-11-01"\nchange = "minor"',
            "a day without quotes",
        ),
        (
            '[notice]\nversion = "1"\nurl = "http://:"\npublished = 2026-11-01\nchange = "minor"',
            "line 10: 'url'",
        ),
        (
            '[notice]\nversion = "1"\nurl = "https://a.b"\npublished = 2026-11-01\nchange = "big"',
            "one of minor",
        ),
    ],
)
def test_a_mistake_is_named_with_its_remedy(lines: str, message: str) -> None:
    assert any(message in problem for problem in of_purpose(lines)), of_purpose(lines)


@pytest.mark.parametrize(
    "value",
    ['""', '"  "', '"News\\nBcc: x@example.com"', '"News\\n"', '"a\\u0000b"', '"a\\u2028b"', "3", '["x"]'],
)
def test_a_title_is_one_printable_line(value: str) -> None:
    (problem,) = problems(CONTROLLER + f'[purposes.x]\ntitle = {value}\ndescription = "x"\n')
    assert problem == "[purposes.x] line 6: 'title' must be one line of text in quotes, not empty"


def test_an_address_of_several_lines_is_fine() -> None:
    text = CONTROLLER.replace('"1 Example Street"', '"""\nExample House\n1 Example Street"""')
    assert parse(text).controller.postal_address == "Example House\n1 Example Street"


@pytest.mark.parametrize(
    "text", ["purposes = 3", "[[purposes]]\nx = 1", "[purposes]\nx = 3", "controller = []"]
)
def test_a_value_where_a_section_belongs_is_an_error(text: str) -> None:
    assert problems(text + "\n" + CONTROLLER if "controller" not in text else text)


def test_the_controller_cannot_be_left_out() -> None:
    assert problems(NEWSLETTER) == (
        "line 1: [controller] is missing; say there who speaks: name, postal_address and email",
    )


def test_a_secret_pasted_into_a_connection_is_not_quoted() -> None:
    found = of_purpose('[connections.main]\nprovider = "x"\napi_key = [1.5, "hunter2"]\nprivate = "hunter2"')
    assert len(found) == 2 and "hunter2" not in "".join(found)


def test_broken_toml_names_the_section_and_the_line() -> None:
    (problem,) = of_purpose('kind = "marketing\n')
    assert problem.startswith("[purposes.newsletter] not valid TOML: ") and "line 8" in problem
    assert problems("x = 2026-13-45")[0].startswith("not valid TOML: ")


def test_toml_without_a_bottom_is_an_error_too() -> None:
    with pytest.raises(CatalogError, match="nested too deeply"):
        parse("deep = " + "[" * 3000 + "]" * 3000)


def test_reading_a_file_names_it(tmp_path: Path) -> None:
    path = tmp_path / "prefcenter.toml"
    with pytest.raises(CatalogError, match=r"^prefcenter\.toml: no such file; `prefcenter init` writes one"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogError, match=r"^prefcenter\.toml: not UTF-8 text"):
        read(path)
    path.write_text(CONTROLLER + "[x]\n")
    with pytest.raises(CatalogError, match=r"^prefcenter\.toml: line 5: unknown section"):
        read(path)
    path.write_bytes(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode())
    assert read(path) == parse(FULL)


def test_json_keeps_everything_even_versions_and_the_order() -> None:
    catalog = parse(FULL)
    zebra = dataclasses.replace(catalog.purposes["zebra"], version=3, retired=True)
    catalog = dataclasses.replace(catalog, purposes={**catalog.purposes, "zebra": zebra})
    again = from_json(to_json(catalog))
    assert again == catalog
    assert list(again.purposes) == list(catalog.purposes)
    assert to_json(again) == to_json(catalog)
    assert again.purposes["zebra"].version == 3
    assert parse(FULL).purposes["zebra"].double_opt_in is again.purposes["zebra"].double_opt_in is False


def test_the_digest_follows_the_meaning_not_the_spelling() -> None:
    respelled = FULL.replace("[notice]", "# a comment\n[notice]").replace('"News"', "'News'")
    assert digest(parse(respelled)) == digest(parse(FULL))
    assert digest(parse(FULL.replace("Zebra", "Horse"))) != digest(parse(FULL))
    assert len(digest(parse(FULL))) == 64


def test_what_is_no_stored_catalog_is_refused() -> None:
    for data in (b"", b"{}", b"\xff", b"[1]", to_json(parse(FULL))[:-1]):
        with pytest.raises(CatalogError, match="not a stored catalog"):
            from_json(data)


def test_lines_are_found_through_every_way_to_write_a_key() -> None:
    text = (
        'a.b = 1 # [no]\n"c d" = """\n[not.a.header]\nx = 1\n"""\ne = [\n  "]", # ]\n  { f = 1 },\n]\n'
        "[ g . \"h.i\" ]\n'j=k' = 1\n[[l]]\nm = '''\n# n'''\no = { p = 1 }\n"
    )
    tomllib.loads(text)
    assert line_numbers(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("c d",): 2,
        ("e",): 6,
        ("g",): 10,
        ("g", "h.i"): 10,
        ("g", "h.i", "j=k"): 11,
        ("l",): 12,
        ("l", "m"): 13,
        ("l", "o"): 15,
    }


@given(st.text(alphabet="ab=[]{}\"'#.\n\\,1 ", max_size=60))
def test_any_text_is_a_catalog_or_a_catalog_error(text: str) -> None:
    with pytest.raises(CatalogError) as caught:
        parse(text)
    assert caught.value.problems
