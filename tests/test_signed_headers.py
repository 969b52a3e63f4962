"""What we sign in header fields: short, for one address or one mail, and nobody else makes one."""

import string
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.links import BadLink, Links

KEY, NEW = (f"secret key {name} of the tests, long enough".encode() for name in "bc")
LINKS = Links([KEY])
fingerprint = st.binary(min_size=16, max_size=16)


@given(fingerprint, st.text(st.sampled_from("abz019.-:"), max_size=80))
def test_a_feedback_id_names_its_address_and_nothing_changed_does(wide: bytes, about: str) -> None:
    signed = LINKS.feedback_minter(about)(wide)
    assert len(signed) == 43 and not set(signed) - set(string.ascii_letters + string.digits + "-_")
    assert LINKS.read_feedback(about, signed) == wide
    for other in (f"{about}x", f"x{about}"):
        with pytest.raises(BadLink):
            LINKS.read_feedback(other, signed)


def test_every_changed_letter_of_what_is_signed_in_a_header_is_refused() -> None:
    signed = LINKS.feedback_minter("nov:newsletter")(bytes(16))
    message = LINKS.message("0" * 32)
    for place in range(43):
        for letter in string.ascii_letters + string.digits + "-_=+/.\0é":
            for token, read in (
                (signed, partial(LINKS.read_feedback, "nov:newsletter")),
                (message, LINKS.read_message),
            ):
                changed = token[:place] + letter + token[place + 1 :]
                if changed != token:
                    with pytest.raises(BadLink):
                        read(changed)
    for odd in ("", signed[:-1], signed + "=", signed + "A", " " * 43, "\ud800" * 43):
        with pytest.raises(BadLink):
            LINKS.read_feedback("nov:newsletter", odd)


def test_a_message_id_names_its_mail_and_is_no_feedback_id() -> None:
    id_ = "0123456789abcdef" * 2
    assert LINKS.read_message(LINKS.message(id_)) == id_
    with pytest.raises(BadLink):
        LINKS.read_feedback("", LINKS.message(id_))
    with pytest.raises(BadLink):
        LINKS.read_message(LINKS.feedback_minter("")(bytes.fromhex(id_)))


def test_what_stands_in_old_mails_is_read_over_every_rotation() -> None:
    old, rotated, other = Links([KEY]), Links([KEY, NEW]), Links([NEW])
    signed, message = old.feedback_minter("a:b")(bytes(16)), old.message("0" * 32)
    assert rotated.read_feedback("a:b", signed) == bytes(16)
    assert rotated.read_message(message) == "0" * 32
    assert rotated.message("0" * 32) == other.message("0" * 32)
    with pytest.raises(BadLink):
        other.read_feedback("a:b", signed)
    with pytest.raises(BadLink):
        other.read_message(message)
