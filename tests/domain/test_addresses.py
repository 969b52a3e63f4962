"""Stops match widely, a yes narrowly: what is an address, and which spellings of it are the same."""

import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.addresses import Fingerprinter, InvalidAddress, parse_email

FINGERPRINTS = Fingerprinter(b"pepper of the tests, longer than 32 bytes")

GOOD_LOCALS = [
    "a",
    "ada",
    "Ada.Lovelace",
    "ada+news",
    "ADA",
    "a.b.c",
    "1",
    "o'brien",
    "a_b-c",
    "!#$%&'*+/=?^_`{|}~-",
    "x" * 64,
    "jürgen",
    "Straße",
    "müller.ÄÖÜ",
    "用户",
    "пользователь",
    "δοκιμή",
    "ｆｕｌｌｗｉｄｔｈ",
    "ﬁn",
    "ä" * 32,
    "İstanbul",
    "Ωmega",
    "مستخدم",
]
BAD_LOCALS = [
    "",
    ".",
    ".a",
    "a.",
    "a..b",
    "a b",
    "a,b",
    "a;b",
    "a:b",
    "a(b)",
    "<a",
    "a>",
    "a[b]",
    "a\\b",
    '"a"',
    '"a b"',
    "a@b",
    "a\tb",
    "a\nb",
    "a\r\nBcc: x",
    "a\0",
    "a\x7f",
    "a\u0085b",
    "a\u00a0b",
    "a\u200bb",
    "a\u200db",
    "a\u202eb",
    "a\u2066b",
    "a\u2028b",
    "a\u3000b",
    "a\ufeffb",
    "a\ue000b",
    "a\U000e0001b",
    "a\ud800b",
    "a\uffffb",
]
GOOD_DOMAINS = [
    "example.com",
    "EXAMPLE.COM",
    "mail.example.co.uk",
    "a.co",
    "x-y.example",
    "1and1.com",
    "123.com",
    "a" * 63 + ".com",
    "münchen.de",
    "faß.de",
    "例え.jp",
    "пример.рф",
    "παράδειγμα.gr",
    "xn--mnchen-3ya.de",
    "XN--MNCHEN-3YA.DE",
    "ｅｘａｍｐｌｅ.com",
    "example。com",
    "cafe\u0301.fr",
]
BAD_DOMAINS = [
    "",
    "localhost",
    "com",
    ".",
    ".com",
    "example.",
    "example..com",
    "-a.com",
    "a-.com",
    "a_b.com",
    "a b.com",
    "a,b.com",
    "example.com.",
    "example.123",
    "127.0.0.1",
    "[127.0.0.1]",
    "[IPv6:::1]",
    "a" * 64 + ".com",
    "a.co" + "m" * 64,
    "xn--zzzzzz.com",
    "XN--ZZZZZZ.com",
    "xn--.com",
    "☃.com",
    "exam\nple.com",
    "exam\0ple.com",
    "example\u202e.com",
    "example\u200b.com",
    "exam\u00adple.com",
    "example.com\n",
    "example.com\r\n",
    "\u0300a.com",
    "ex ample.com",
    "example.com>",
    "a@b.com",
]

#: Ours is stricter: RFC 5321 4.5.3.1.1 counts 64 octets, theirs only in strict mode.
TOO_LONG = ["x" * 65, "ä" * 33, "用" * 22]
#: Theirs is stricter. We do not judge which domains exist or make sense, only their form.
NOT_OURS_TO_JUDGE = [
    "a@mail.local",  # names kept for special use (RFC 6761)
    "a@host.test",
    "a@no.invalid",
    "a@hidden.onion",
    "a@example.c1",  # no such top-level domain
    "a@ab--cd.com",  # hyphens in the third and fourth place
    "\u0300a@example.com",  # begins with a combining mark
    " a@example.com ",  # spaces around it are not part of it
]


def is_address(text: str) -> bool:
    try:
        parse_email(text)
    except InvalidAddress:
        return False
    return True


def is_address_to_the_library(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except (EmailNotValidError, UnicodeError):  # it fails to encode lone surrogates
        return False
    return True


CASES = [
    *[(f"{local}@{domain}", True) for local in GOOD_LOCALS for domain in GOOD_DOMAINS],
    *[(f"{local}@example.com", False) for local in BAD_LOCALS],
    *[(f"ada@{domain}", False) for domain in BAD_DOMAINS],
    *[(f"{bad}@{domain}", False) for bad in BAD_LOCALS for domain in ("münchen.de", "localhost")],
    *[(text, False) for text in ("", "@", "ada", "ada.example.com", "ada@", "@example.com", "mailto:a@x.co")],
]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 500


@pytest.mark.parametrize(("local"), GOOD_LOCALS + BAD_LOCALS)
def test_every_local_part_is_judged_as_the_library_judges_it(local: str) -> None:
    for text, good in CASES:
        if text.rpartition("@")[0] == local:
            assert is_address(text) is good, ascii(text)
            assert is_address_to_the_library(text) is good, ascii(text)


@pytest.mark.parametrize(("text", "good"), [case for case in CASES if not case[1]])
def test_what_is_no_address_is_refused_and_never_repeated(text: str, good: bool) -> None:
    with pytest.raises(InvalidAddress) as refused:
        parse_email(text)
    assert len(text) < 4 or text not in str(refused.value)
    assert not is_address_to_the_library(text)


@pytest.mark.parametrize("local", TOO_LONG)
def test_a_local_part_over_64_octets_is_refused(local: str) -> None:
    assert not is_address(f"{local}@example.com")
    assert not is_address(f"{local}@münchen.de")
    assert is_address_to_the_library(f"{local}@example.com")


@pytest.mark.parametrize("text", NOT_OURS_TO_JUDGE)
def test_a_domain_is_judged_by_its_form_only(text: str) -> None:
    assert is_address(text)
    assert not is_address_to_the_library(text)


@pytest.mark.parametrize("local", ["a", "ä"])
def test_an_address_has_254_octets_at_most(local: str) -> None:
    for total, good in ((254, True), (255, False)):
        length = total - len(f"{local}@.com".encode())
        domain = ".".join(["b" * 50] * 4 + ["c" * (length - 204)])
        text = f"{local}@{domain}.com"
        assert len(text.encode()) == total
        assert is_address(text) is good
        assert is_address_to_the_library(text) is good


def test_the_octets_of_an_international_domain_are_counted_as_they_travel() -> None:
    label = "ü" * 20  # 20 letters, but 27 and more octets as an A-label
    assert is_address(f"a@{'.'.join([label] * 5)}.de")
    assert not is_address(f"a@{'.'.join([label] * 11)}.de")


# --- the forms ------------------------------------------------------------------------------------------


def test_the_narrow_form_keeps_the_local_part_and_the_domain_travels_in_lower_case_ascii() -> None:
    assert parse_email("Ada.Lovelace@München.DE") == (
        "Ada.Lovelace@xn--mnchen-3ya.de",
        "ada.lovelace@xn--mnchen-3ya.de",
    )
    assert parse_email("Ada@Example.COM") == ("Ada@example.com", "ada@example.com")
    assert parse_email(" ada@example.com ").narrow == "ada@example.com"


@pytest.mark.parametrize(
    "domains",
    [
        ["münchen.de", "MÜNCHEN.DE", "xn--mnchen-3ya.de", "XN--MNCHEN-3YA.DE", "mu\u0308nchen.de"],
        ["example.com", "EXAMPLE.com", "ｅｘａｍｐｌｅ.com", "example。com"],
        ["faß.de", "FAß.de", "xn--fa-hia.de"],
    ],
)
def test_one_domain_has_one_form(domains: list[str]) -> None:
    assert len({parse_email(f"ada@{domain}") for domain in domains}) == 1


def test_two_domains_stay_two() -> None:
    assert parse_email("a@faß.de").wide != parse_email("a@fass.de").wide
    assert parse_email("a@apple.com").wide != parse_email("a@аррӏе.com").wide  # Cyrillic


SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    str.lower,
    str.swapcase,
    str.casefold,
    partial(unicodedata.normalize, "NFC"),
    partial(unicodedata.normalize, "NFD"),
]


@pytest.mark.parametrize("local", GOOD_LOCALS)
@pytest.mark.parametrize("domain", ["example.com", "münchen.de"])
def test_every_spelling_of_an_address_has_its_wide_form(local: str, domain: str) -> None:
    wide = parse_email(f"{local}@{domain}").wide
    for spell in SPELLINGS:
        spelled = f"{spell(local)}@{domain}"
        if len(spell(local).encode()) <= 64:
            assert parse_email(spelled).wide == wide, ascii(spelled)
    compatible = unicodedata.normalize("NFKC", local)
    assert parse_email(f"{compatible}@{domain}").wide == wide


def test_every_letter_of_unicode_is_stopped_in_upper_and_lower_case() -> None:
    apart = set()
    for code in range(0x80, 0x30000):
        char = chr(code)
        has_case = {char.upper(), char.lower(), char.casefold()} != {char}
        if not has_case or not is_address(f"a{char}@example.com"):
            continue
        wide = parse_email(f"a{char}@example.com").wide
        if parse_email(f"A{char.upper()}@example.com").wide != wide:
            apart.add(char)
        assert parse_email(f"a{char.lower()}@example.com").wide == wide, hex(code)
        folded = f"a{unicodedata.normalize('NFKC', char).casefold()}@example.com"
        if is_address(folded):
            assert parse_email(folded).wide == wide, hex(code)
    assert apart == {"ı"}  # its capital is the I of every other language


letters = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="@")
mailbox = st.text(letters, min_size=1, max_size=12).filter(lambda local: is_address(f"{local}@example.com"))


@given(mailbox)
def test_the_wide_form_is_stable(local: str) -> None:
    address = parse_email(f"{local}@example.com")
    folded = address.wide.removesuffix("@example.com")
    if " " not in folded and is_address(f"{folded}@example.com"):
        assert parse_email(f"{folded}@example.com").wide == address.wide
    assert parse_email(address.narrow) == address


@given(mailbox, mailbox)
def test_two_local_parts_never_share_a_narrow_form(one: str, other: str) -> None:
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    first, second = parse_email(f"{one}@example.com"), parse_email(f"{other}@example.com")
    assert (first.narrow == second.narrow) is same
    assert (FINGERPRINTS.of_email(first).narrow == FINGERPRINTS.of_email(second).narrow) is same


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_clear_refusal(text: str) -> None:
    try:
        address = parse_email(text)
    except InvalidAddress:
        return
    assert address.narrow.count("@") == 1
    for char in address.narrow:
        assert unicodedata.category(char)[0] not in "CZ"
