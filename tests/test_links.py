"""Signed links: one power each, one spelling each, and nothing forged is ever taken for one."""

import base64
import hmac
import random
import string
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.links import (
    MAX_CAMPAIGN,
    MAX_TOKEN,
    AskedLink,
    BadLink,
    ConfirmLink,
    Links,
    ManageLink,
    QuestionLink,
    StopLink,
    TaskLink,
    UndoLink,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD, KEY, NEW = (f"secret key {name} of the tests, long enough".encode() for name in "abc")
LINKS = Links([KEY])
ALPHABET = string.ascii_letters + string.digits + "-_"

STOP = StopLink(b"\x00\x01\xffwide-print...", "newsletter", "2026-11")
UNDO = UndoLink("0123456789abcdef" * 2, NOW)
MANAGE = ManageLink(b"narrow-print....", b"wide-print......", NOW)
CONFIRM = ConfirmLink("89abcdef01234567" * 2, NOW)
TASK = TaskLink("fedcba9876543210" * 2)
ASKED = AskedLink("76543210fedcba98" * 2, NOW)
QUESTION = QuestionLink(b"narrow-print....", b"wide-print......", "newsletter", 2, NOW)

fingerprint = st.binary(min_size=16, max_size=16)

READERS: dict[str, Callable[[str], object]] = {
    "stop": LINKS.read_stop,
    "undo": LINKS.read_undo,
    "manage": LINKS.read_manage,
    "confirm": LINKS.read_confirm,
    "task": LINKS.read_task,
    "choice": LINKS.read_choice,
}
TOKENS = {
    "stop": LINKS.stop(STOP),
    "undo": LINKS.undo(UNDO),
    "manage": LINKS.manage(MANAGE),
    "confirm": LINKS.confirm(CONFIRM),
    "task": LINKS.task(TASK),
    "choice": LINKS.choice(ASKED),
}


def accepted(token: str) -> list[str]:
    """The powers that a token has."""
    found = []
    for power, read in READERS.items():
        try:
            read(token)
        except BadLink:
            continue
        found.append(power)
    return found


# --- what a link carries --------------------------------------------------------------------------------


def test_a_link_carries_what_it_was_made_of() -> None:
    assert LINKS.read_stop(TOKENS["stop"]) == STOP
    assert LINKS.read_undo(TOKENS["undo"]) == UNDO
    assert LINKS.read_manage(TOKENS["manage"]) == MANAGE
    assert LINKS.read_confirm(TOKENS["confirm"]) == CONFIRM
    assert LINKS.read_task(TOKENS["task"]) == TASK
    assert LINKS.read_choice(TOKENS["choice"]) == ASKED
    assert LINKS.read_choice(LINKS.choice(QUESTION)) == QUESTION


@given(
    wide=fingerprint,
    purpose=st.from_regex(r"[a-z][a-z0-9-]{0,47}", fullmatch=True),
    campaign=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=MAX_CAMPAIGN),
)
def test_every_stop_link_comes_back_and_fits(wide: bytes, purpose: str, campaign: str) -> None:
    link = StopLink(wide, purpose, campaign)
    token = LINKS.stop(link)
    assert LINKS.read_stop(token) == link
    assert token == LINKS.stop_minter(purpose, campaign)(wide)
    assert len(token) <= MAX_TOKEN
    assert set(token) <= set(ALPHABET + ".")


@given(fingerprint, fingerprint, st.integers(0, 2**33))
def test_every_manage_link_comes_back_to_the_second(narrow: bytes, wide: bytes, seconds: int) -> None:
    link = ManageLink(narrow, wide, datetime.fromtimestamp(seconds, UTC))
    assert LINKS.read_manage(LINKS.manage(link)) == link


@given(
    fingerprint,
    fingerprint,
    st.from_regex(r"[a-z][a-z0-9-]{0,47}", fullmatch=True),
    st.integers(1, 2**31),
    st.integers(0, 2**33),
)
def test_every_question_link_comes_back_and_fits(
    narrow: bytes, wide: bytes, purpose: str, version: int, seconds: int
) -> None:
    link = QuestionLink(narrow, wide, purpose, version, datetime.fromtimestamp(seconds, UTC))
    token = LINKS.choice(link)
    assert LINKS.read_choice(token) == link
    assert len(token) <= MAX_TOKEN


@pytest.mark.parametrize("power", TOKENS)
def test_a_token_is_signed_as_docs_say(power: str) -> None:
    value, _, signature = TOKENS[power].rpartition(".")
    key = hmac.digest(KEY, f"prefcenter link {power}".encode(), "sha256")
    expected = base64.urlsafe_b64encode(hmac.digest(key, value.encode(), "sha256"))
    assert signature == expected.decode().rstrip("=")


def test_no_link_shows_an_address_and_two_instances_do_not_know_each_others() -> None:
    assert "example" not in "".join(TOKENS.values())
    other = Links([NEW])
    readers = (
        *(other.read_stop, other.read_undo, other.read_manage, other.read_confirm, other.read_task),
        other.read_choice,
    )
    for read, token in zip(readers, TOKENS.values(), strict=True):
        with pytest.raises(BadLink):
            read(token)


# --- powers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", TOKENS)
def test_a_link_has_one_power(power: str) -> None:
    assert accepted(TOKENS[power]) == [power]


def test_the_same_bytes_signed_for_one_power_have_no_other() -> None:
    """Even where the payload reads well as another's, the salt keeps them apart."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    same = bytes(32) + bytes(7)
    tokens = [
        LINKS.stop(StopLink(same[:16], same[17:].decode())),
        LINKS.undo(UndoLink(same[:32].hex(), epoch)),
        LINKS.manage(ManageLink(same[:16], same[16:32], epoch)),
        LINKS.confirm(ConfirmLink(same[:32].hex(), epoch)),
        LINKS.task(TaskLink(same.hex())),
    ]
    assert len({token.partition(".")[0] for token in tokens}) == 1
    assert [accepted(token) for token in tokens] == [
        ["stop"],
        ["undo"],
        ["manage"],
        ["confirm"],
        ["task"],
    ]


# --- forgeries ------------------------------------------------------------------------------------------


def forgeries(source: random.Random, total: int) -> Iterator[tuple[str, str]]:
    """Each with the power that it pretends to have."""
    powers, kinds = list(TOKENS), [noise, flipped, truncated, respelled, glued, swapped]
    genuine = set(TOKENS.values())
    made = 0
    while made < total:
        power = source.choice(powers)
        token = source.choice(kinds)(source, TOKENS[power])
        if token not in genuine:
            made += 1
            yield power, token


def noise(source: random.Random, token: str) -> str:
    length = source.choice([0, 1, 2, 43, 44, len(token), source.randint(0, MAX_TOKEN + 50)])
    letters = source.choice([ALPHABET, ALPHABET + "." * 8, string.printable, "é\0\ud800." + ALPHABET])
    return "".join(source.choices(letters, k=length))


def flipped(source: random.Random, token: str) -> str:
    """One bit of the token, or of the bytes it stands for."""
    place, bit = source.randrange(len(token)), 1 << source.randrange(8)
    if source.random() < 0.5:
        return token[:place] + chr(ord(token[place]) ^ bit) + token[place + 1 :]
    value, _, signature = token.partition(".")
    parts = [bytearray(base64.urlsafe_b64decode(part + "==")) for part in (value, signature)]
    part = source.choice(parts)
    part[source.randrange(len(part))] ^= bit
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def truncated(source: random.Random, token: str) -> str:
    start, end = sorted((source.randint(0, len(token)), source.randint(0, len(token))))
    return source.choice([token[:end], token[start:], token[start:end]])


def respelled(source: random.Random, token: str) -> str:
    place = source.randint(0, len(token))
    extra = source.choice(
        ["=", "==", " ", "\n", "\r\n", "\t", ".", "%2E", "%3D", "+", "/", "\0", "\u200b", "-"]
    )
    how = source.choice(["insert", "upper", "lower", "swap", "standard"])
    if how == "insert":
        return token[:place] + extra + token[place:]
    if how == "standard":
        return token.replace("-", "+").replace("_", "/") + source.choice(["", "="])
    return {"upper": token.upper(), "lower": token.lower(), "swap": token.swapcase()}[how]


def glued(source: random.Random, token: str) -> str:
    """The payload of one link with the signature of another."""
    value, _, _ = token.partition(".")
    _, _, signature = source.choice(list(TOKENS.values())).partition(".")
    return source.choice([f"{value}.{signature}", f"{value}{signature}", f"{signature}.{value}", f"{value}."])


def swapped(source: random.Random, token: str) -> str:
    letters = list(token)
    one, other = source.randrange(len(letters)), source.randrange(len(letters))
    letters[one], letters[other] = letters[other], letters[one]
    return "".join(letters)


def test_none_of_100_000_forgeries_is_accepted() -> None:
    source = random.Random(20261123)
    for number, (power, token) in enumerate(forgeries(source, 100_000)):
        with pytest.raises(BadLink):
            READERS[power](token)
        if number % 10 == 0:
            assert accepted(token) == [], token


@pytest.mark.parametrize("power", TOKENS)
def test_every_other_last_character_of_either_part_is_refused(power: str) -> None:
    """Base64 has up to 15 other spellings of the same bytes: only ours is the link."""
    value, _, signature = TOKENS[power].partition(".")
    for part in (value, signature):
        same_bytes = 0
        for letter in ALPHABET:
            other = part[:-1] + letter
            if other == part:
                continue
            same_bytes += base64.urlsafe_b64decode(other + "==") == base64.urlsafe_b64decode(part + "==")
            token = f"{other}.{signature}" if part is value else f"{value}.{other}"
            assert accepted(token) == [], token
        assert same_bytes == {0: 0, 2: 15, 3: 3}[len(part) % 4]


@pytest.mark.parametrize("power", TOKENS)
@pytest.mark.parametrize("padding", ["=", "==", "===", "====", "A", "AA=="])
def test_padding_is_refused(power: str, padding: str) -> None:
    value, _, signature = TOKENS[power].partition(".")
    for token in (f"{value}{padding}.{signature}", f"{value}.{signature}{padding}"):
        assert accepted(token) == []


@pytest.mark.parametrize("token", ["", ".", "..", "a", "a.", ".a", "=", "A" * MAX_TOKEN, "é.é", "\ud800.x"])
def test_odd_tokens_are_refused_like_any_other(token: str) -> None:
    for read in READERS.values():
        with pytest.raises(BadLink) as refused:
            read(token)
        assert str(refused.value) == ""


def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    long = Links([KEY]).stop(StopLink(b"0" * 16, "p" * MAX_TOKEN))
    with pytest.raises(BadLink):
        LINKS.read_stop(long)


# --- keys and time --------------------------------------------------------------------------------------


def test_stop_links_work_over_every_rotation_and_no_other_does() -> None:
    rotated = Links([KEY, NEW])
    assert rotated.read_stop(TOKENS["stop"]) == STOP
    others = {
        "undo": rotated.read_undo,
        "manage": rotated.read_manage,
        "confirm": rotated.read_confirm,
        "task": rotated.read_task,
        "choice": rotated.read_choice,
    }
    for power, read in others.items():
        with pytest.raises(BadLink):
            read(TOKENS[power])
    assert Links([OLD, KEY, NEW]).read_stop(Links([OLD]).stop(STOP)) == STOP


def test_the_last_key_signs() -> None:
    rotated = Links([OLD, KEY])
    assert rotated.stop(STOP) == TOKENS["stop"]
    assert rotated.read_undo(rotated.undo(UNDO)) == UNDO
    with pytest.raises(BadLink):
        Links([OLD]).read_stop(rotated.stop(STOP))


def test_a_key_that_was_taken_out_opens_nothing() -> None:
    with pytest.raises(BadLink):
        Links([NEW]).read_stop(TOKENS["stop"])


@pytest.mark.parametrize("years", range(11))
def test_a_stop_link_works_for_years_and_the_others_do_not(years: int) -> None:
    now = NOW + timedelta(days=365 * years)
    keys = [KEY, *(f"key of year {year}, long enough to sign".encode() for year in range(years))]
    assert Links(keys).read_stop(TOKENS["stop"]) == STOP
    mortal = (LINKS.read_undo(TOKENS["undo"]), LINKS.read_manage(TOKENS["manage"]), CONFIRM)
    for link in mortal:
        assert link.expired(now) is (years > 0)


@pytest.mark.parametrize(
    ("link", "life"),
    [(UNDO, timedelta(minutes=30)), (MANAGE, timedelta(days=60)), (CONFIRM, timedelta(days=7))],
    ids=["undo", "manage", "confirm"],
)
def test_a_link_lives_to_its_last_second(link: UndoLink | ManageLink | ConfirmLink, life: timedelta) -> None:
    assert not link.expired(NOW + life)
    assert link.expired(NOW + life + timedelta(microseconds=1))
