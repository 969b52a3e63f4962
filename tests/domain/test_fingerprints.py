"""What an address is found by: keyed, of 16 bytes, one for what stops match and one for what a yes does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.addresses import Fingerprinter, InvalidAddress, mask, parse_email

FINGERPRINTS = Fingerprinter(b"pepper of the tests, longer than 32 bytes")


def test_fingerprints_are_of_16_bytes_and_keyed() -> None:
    ada = parse_email("Ada@example.com")
    narrow, wide = FINGERPRINTS.of_email(ada)
    assert (len(narrow), len(wide)) == (16, 16)
    assert narrow != wide
    assert Fingerprinter(b"another pepper").of_email(ada).wide != wide


def test_the_narrow_and_wide_forms_of_a_plain_address_are_one_fingerprint() -> None:
    narrow, wide = FINGERPRINTS.of_email(parse_email("ada@example.com"))
    assert narrow == wide
    assert wide == FINGERPRINTS.of_email(parse_email("ADA@example.com")).wide


def both_ways_agree_on(text: str) -> None:
    try:
        expected = FINGERPRINTS.of_email(parse_email(text))
    except InvalidAddress:
        with pytest.raises(InvalidAddress):
            FINGERPRINTS.of_text(text)
    else:
        assert FINGERPRINTS.of_text(text) == expected


@given(st.one_of(st.text(max_size=40), st.emails(), st.from_regex(r"[a-zA-Z.@-]{3,80}")))
def test_the_short_way_to_a_fingerprint_ends_where_the_long_one_does(text: str) -> None:
    both_ways_agree_on(text)


@pytest.mark.parametrize(
    "text",
    [f"{'x' * 64}@example.com", f"{'x' * 65}@example.com", "ada@xn--mnchen-3ya.de", "ada@1.2", "1@2.co"],
)
def test_the_short_way_knows_its_limits(text: str) -> None:
    both_ways_agree_on(text)


def test_a_number_is_one_person_by_text_and_by_voice_and_no_email_address() -> None:
    forms = {channel: FINGERPRINTS.of_form(channel, "+4930123456") for channel in ("email", "sms", "phone")}
    assert forms["sms"] == forms["phone"] != forms["email"]


@pytest.mark.parametrize("text", ["ada@example.com", "A@example.com", "Ünal@xn--mnchen-3ya.de"])
def test_a_masked_address_shows_one_letter_of_the_mailbox(text: str) -> None:
    local, _, domain = text.partition("@")
    assert mask(text) == f"{local[0]}•••@{domain}"


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.emails(),
            st.from_regex(r"\A[a-z0-9._+-]{1,30}@[a-z0-9.-]{1,60}\Z"),
            st.from_regex(r"\A[a-zA-Z0-9.\n\r@é-]{1,30}\Z"),
            st.sampled_from(["ada@example.com", "xn--a@example.com", "a--b@example.com", f"{'x' * 64}@b.co"]),
        ),
        max_size=30,
    )
)
def test_many_addresses_have_the_fingerprints_of_each(texts: list[str]) -> None:
    def alone(text: str) -> bytes | None:
        try:
            return FINGERPRINTS.of_text(text).wide
        except InvalidAddress:
            return None

    assert FINGERPRINTS.wides(texts) == [alone(text) for text in texts]


def test_a_long_list_that_is_none_is_looked_at_as_fast() -> None:
    texts = ["a" * 300 + "@", "a." * 150 + "@x", "a@" + "b-" * 150, "a@" + "b." * 150 + "1"] * 200
    assert FINGERPRINTS.wides(texts) == [None] * len(texts)
