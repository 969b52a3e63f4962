"""Any bytes have an answer, soon: spoilt mail, malformed MIME, and mail made to take long."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.mail.incoming import Unreadable, read_incoming
from prefcenter.mail.stop_request import NotUnderstood, StopReply
from tests.mail.samples import AUTOMATIC, QUOTED, a_bounce, a_complaint, a_mail, report

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                *(line + b"\r\n" for line in a_complaint().split(b"\r\n")),
                *(line + b"\n" for line in a_bounce().split(b"\r\n")),
                b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
                b"Content-Type: text/plain; charset*1*=utf-8''%ff; charset*99999999999999999999*=x\n",
                b"Subject: =?utf-8?b?////?= =?x?q?=ff?=\n",
                b"From: =?utf-8?q?=00?= <a@b\n",
                b"Authentication-Results: ((((\n",
                b"\n\n",
                b"--x--",
                b"\xff\xfe\0",
            ]
        ),
    ),
    max_size=30,
).map(b"".join)


@given(PIECES, st.sampled_from([None, "", "ada@example.com"]))
def test_any_bytes_have_an_answer(raw: bytes, sender: str | None) -> None:
    assert len(read_incoming(raw, sender).digest) == 32


@given(st.data(), st.sampled_from([a_complaint(), a_bounce(), a_mail("stop" + QUOTED), *AUTOMATIC.values()]))
def test_a_mail_that_was_cut_or_spoilt_has_an_answer(data: st.DataObject, raw: bytes) -> None:
    begin = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(begin, len(raw)))
    read_incoming(raw[:begin] + data.draw(st.binary(max_size=20)) + raw[end:])
    read_incoming(raw[:end])


def nested(depth: int) -> bytes:
    opening = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(depth))
    return ("From: ada@example.com\n" + opening + "Content-Type: text/plain\n\nunsubscribe").encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "deep": lambda: nested(20_000),
    "one long word": lambda: a_mail("a" * 9_000_000),
    "one long header": lambda: a_mail(Subject="a" * 9_000_000),
    "many headers": lambda: b"X-A: b\n" * 1_000_000 + b"\nunsubscribe",
    "many parts": lambda: b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nstop\n" * 800_000,
    "many quotes": lambda: a_mail("> \n" * 3_000_000),
    "half tokens": lambda: a_mail(f"{'A' * 30}." * 300_000),
    "encoded words": lambda: a_mail(Subject="=?a?q?" * 1_000_000),
    "tags": lambda: a_mail("<div " * 1_000_000, Content_Type="text/html"),
    "ids": lambda: a_mail("stop", References="<a@" * 2_000_000),
    "semicolons": lambda: a_mail("stop", Content_Type="multipart/mixed" + "; a=" * 1_000_000),
    "groups": lambda: report("delivery-status", "\r\n\r\n" * 500_000, ""),
    "comments": lambda: a_mail("stop", Authentication_Results="(" * 5_000_000),
    "fifty megabytes": lambda: a_mail("stop\n" * 10_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_takes_seconds_at_most(name: str) -> None:
    raw = HOSTILE[name]()
    begun = time.process_time()
    read_incoming(raw)
    assert time.process_time() - begun < 10


def test_the_first_levels_are_read_and_the_rest_is_not() -> None:
    assert isinstance(read_incoming(nested(3)).what, StopReply)
    assert read_incoming(nested(50)).what == NotUnderstood()


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\0" * 100, b"just words"])
def test_what_is_no_mail_is_for_the_operator(raw: bytes) -> None:
    assert read_incoming(raw).what == Unreadable("no_header")
