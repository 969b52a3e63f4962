"""What kind of mail came in: people, machines, reports, and whatever else anybody sends."""

from base64 import encodebytes
from datetime import UTC, datetime

import pytest

from prefcenter.mail.delivery_status import DeliveryStatus
from prefcenter.mail.feedback_report import FeedbackReport
from prefcenter.mail.incoming import (
    Automatic,
    StopRequest,
    Unreadable,
    read_incoming,
)
from prefcenter.mail.stop_request import NotUnderstood, StopReply
from prefcenter.mail.traces import Traces
from tests.mail.samples import (
    AUTOMATIC,
    FEEDBACK_ID,
    OUR_HEADERS,
    QUOTED,
    TOKEN,
    a_bounce,
    a_complaint,
    a_mail,
    a_recipient,
    block,
)

OURS = Traces((TOKEN,), (FEEDBACK_ID,), ("original",))


def what(raw: bytes, sender: str | None = None) -> object:
    return read_incoming(raw, sender).what


# --- people ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [
        TOKEN,
        f" {TOKEN} ",
        f"unsubscribe {TOKEN}",
        f"=?utf-8?q?{TOKEN}?=",
        f"{TOKEN[:60]}\r\n {TOKEN[60:]}",
        f"=?utf-8?q?{TOKEN[:40]}?=\r\n =?utf-8?q?{TOKEN[40:]}?=",
    ],
)
def test_the_token_of_a_mailto_is_found_however_the_subject_travelled(subject: str) -> None:
    found = what(a_mail(Subject=subject))
    assert isinstance(found, StopRequest)
    assert TOKEN in found.tokens


def test_a_mail_program_that_calls_its_own_unsubscribe_automatic_is_heard() -> None:
    found = what(a_mail(Subject=TOKEN, Auto_Submitted="auto-generated", Precedence="bulk"), sender="")
    assert isinstance(found, StopRequest) and isinstance(found.otherwise, Automatic)


def test_an_answer_of_a_machine_with_a_token_in_its_subject_is_no_request() -> None:
    assert what(a_mail(Subject=f"Re: {TOKEN}", Auto_Submitted="auto-replied")) == Automatic("auto_submitted")


@pytest.mark.parametrize(
    "body",
    [
        "Stop",
        "STOP!",
        "unsubscribe",
        "Please unsubscribe me from this list. Thanks, Ada",
        "Hi,\nplease remove me from your mailing list\nAda",
        "please stop sending me these emails",
        "opt out",
        "Bitte abmelden!",
        "désabonner svp",
        "Me quiero dar de baja, por favor\nbaja",
        "Uitschrijven aub",
        "Unsubscribe\n\n-- \nAda\nThis mail is confidential and may not be read by anybody but its reader.",
    ],
)
def test_a_few_words_of_their_own_say_stop(body: str) -> None:
    found = what(a_mail(body + QUOTED, Subject="Re: What is new in November"))
    assert isinstance(found, StopReply) and not found.everything
    assert found.traces.tokens == (TOKEN,)
    assert found.sender == "ada@example.com"


@pytest.mark.parametrize(
    "body", ["unsubscribe me from everything", "Stop all emails", "Bitte alles abbestellen"]
)
def test_all_means_all(body: str) -> None:
    found = what(a_mail(body))
    assert isinstance(found, StopReply) and found.everything


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Thank you, very interesting!",
        "Please don't stop",
        "I do not want to unsubscribe",
        "Bitte nicht abmelden",
        "Where do I unsubscribe?",
        "The bus stop at your shop is gone",
        "Cancel my order 4711 please",
        "It took me quite a while to find out that there is an unsubscribe button below",
        "> stop",
        "On Monday somebody wrote:\nunsubscribe",
        "-----Original Message-----\nunsubscribe",
        "\n\n\n",
    ],
)
def test_what_is_no_plain_stop_is_left_to_a_person(body: str) -> None:
    assert what(a_mail(body + QUOTED, Subject="Re: Stop paying too much")) == NotUnderstood()


def test_a_subject_of_their_own_says_it_too_and_that_of_an_answer_does_not() -> None:
    assert isinstance(what(a_mail(Subject="unsubscribe")), StopReply)
    assert isinstance(what(a_mail(Subject="=?utf-8?b?dW5zdWJzY3JpYmU=?=")), StopReply)
    assert isinstance(what(a_mail(Subject="AW: unsubscribe")), NotUnderstood)


def test_what_an_answer_refers_to_is_kept_newest_first() -> None:
    raw = a_mail(
        "stop", In_Reply_To="<new@example.com>", References="<old@example.com>\r\n <new@example.com>"
    )
    found = what(raw)
    assert isinstance(found, StopReply)
    assert found.traces.message_ids == ("new", "old")


def test_an_html_only_mail_is_read_without_its_quote() -> None:
    quote = f"<blockquote>/u/{TOKEN} never stop</blockquote>"
    page = f"<html><style>p{{}}</style><p>Un&#115;ubscribe</p>{quote}</html>"
    raw = a_mail(page, Content_Type='text/html; charset="utf-8"')
    found = what(raw)
    assert isinstance(found, StopReply)
    assert found.traces.tokens == (TOKEN,)
    quoted = a_mail('<div class="gmail_quote">unsubscribe</div>', Content_Type="text/html")
    assert what(quoted) == NotUnderstood()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", "dW5zdWJzY3JpYmU="),
        ("base64", "dW5zdWJz\nY3JpYmU"),
        ("Quoted-Printable", "unsub=\nscribe"),
        ("x-unknown", "unsubscribe"),
    ],
)
def test_a_body_is_read_in_its_encoding(encoding: str, body: str) -> None:
    assert isinstance(what(a_mail(body, Content_Transfer_Encoding=encoding)), StopReply)


@pytest.mark.parametrize(
    "charset", ["latin-1", "x-nothing", "idna", "zlib", "utf-7", '"', "", "\0", "unicode_escape"]
)
def test_no_charset_is_too_strange(charset: str) -> None:
    raw = a_mail("d\xe9sabonner", Content_Type=f"text/plain; charset={charset}").replace(b"\xc3\xa9", b"\xe9")
    assert isinstance(what(raw), StopReply | NotUnderstood)
    if charset == "latin-1":
        assert isinstance(what(raw), StopReply)


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "a@example.com, b@example.com",
        "Undisclosed",
        '"ada@example.com"',
        "ada@example.com\r\nFrom: b@example.com",
    ],
)
def test_a_sender_counts_only_if_it_is_one_address(sender: str) -> None:
    found = what(a_mail("unsubscribe", From=sender))
    assert isinstance(found, StopReply) and found.sender is None


def test_an_address_in_a_display_name_is_not_the_sender() -> None:
    found = what(a_mail("unsubscribe", From='"bo@example.com" <ada@example.com>'))
    assert isinstance(found, StopReply) and found.sender == "ada@example.com"


# --- machines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", AUTOMATIC)
def test_mail_that_no_person_wrote_is_recognised(name: str) -> None:
    assert isinstance(what(AUTOMATIC[name]), Automatic)


def test_the_null_sender_of_the_envelope_is_enough() -> None:
    raw = a_mail("unsubscribe")
    assert what(raw, sender="") == Automatic("null_sender")
    assert isinstance(what(raw, sender="ada@example.com"), StopReply)
    assert isinstance(what(a_mail("unsubscribe", Auto_Submitted="no")), StopReply)


# --- feedback reports ------------------------------------------------------------------------------------


@pytest.mark.parametrize("original_type", ["message/rfc822", "text/rfc822-headers"])
def test_a_complaint_is_tied_to_what_the_returned_mail_carries(original_type: str) -> None:
    found = what(a_complaint(original_type=original_type))
    assert found == FeedbackReport("abuse", OURS, datetime(2026, 11, 24, 9, tzinfo=UTC))


def test_nothing_outside_the_returned_header_counts() -> None:
    naked = {"From": "news@example.com", "Subject": TOKEN}
    raw = a_complaint(headers=naked).replace(
        b"Spam Spam Spam", f"https://prefs.example.com/u/{TOKEN}".encode()
    )
    found = what(raw)
    assert isinstance(found, FeedbackReport) and found.traces == Traces()


@pytest.mark.parametrize(
    ("was", "would_be"),
    [
        (b"Feedback-Type: abuse\r\n", b""),
        (b"Version: 1\r\n", b""),
        (b"User-Agent: SomeGenerator/1.0\r\n", b""),
        (b"Version: 1\r\n", b"Version: 1\r\nVersion: 2\r\n"),
        (b"Content-Type: message/feedback-report", b"Content-Type: text/plain"),
        (b'boundary="part1_13d.2e68ed54"', b"x=y"),
        (b'boundary="part1_13d.2e68ed54"', b'boundary="other"'),
    ],
)
def test_a_report_that_breaks_its_rules_is_for_the_operator(was: bytes, would_be: bytes) -> None:
    raw = a_complaint()
    assert was in raw
    assert what(raw.replace(was, would_be)) == Unreadable("feedback_report")


def test_a_returned_mail_that_somebody_encoded_is_read_all_the_same() -> None:
    head = block(OUR_HEADERS).encode()
    raw = a_complaint(headers={}).replace(
        b"Content-Disposition: inline\r\n\r\n\r\nSpam Spam Spam",
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(head + b"\r\nHello"),
    )
    found = what(raw)
    assert isinstance(found, FeedbackReport) and found.traces == OURS


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Tue, 99 Nov 2026", "0" * 5000, "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_a_date_that_cannot_be_read_is_none(date: str) -> None:
    found = what(a_complaint(Date=date))
    assert isinstance(found, FeedbackReport) and found.reported_at is None


# --- bounces ---------------------------------------------------------------------------------------------


def test_each_recipient_of_a_bounce_is_told_apart() -> None:
    found = what(
        a_bounce(
            a_recipient("ada@example.com"),
            a_recipient("bo@example.com", "delayed", "4.4.1 (connection timed out)"),
            a_recipient("new@example.net", original="cy@example.com"),
        )
    )
    assert isinstance(found, DeliveryStatus)
    assert [(one.address, one.action, one.status) for one in found.deliveries] == [
        ("ada@example.com", "failed", "5.1.1"),
        ("bo@example.com", "delayed", "4.4.1"),
        ("cy@example.com", "failed", "5.1.1"),
    ]
    assert found.traces == OURS


def test_a_bounce_that_names_nobody_is_for_the_operator() -> None:
    assert what(a_bounce("Action: failed\r\n")) == Unreadable("delivery_status")


def test_the_same_mail_has_the_same_digest_whichever_way_it_came() -> None:
    raw = a_mail("stop", Subject="Re: hello")
    again = b"Return-Path: <ada@example.com>\r\nReceived: by mx.example.com; now\r\n" + raw
    assert read_incoming(raw).digest == read_incoming(again).digest
    assert read_incoming(raw).digest != read_incoming(a_mail("stop!", Subject="Re: hello")).digest
    assert read_incoming(raw).digest != read_incoming(a_mail("stop", Message_ID="<2@example.com>")).digest
