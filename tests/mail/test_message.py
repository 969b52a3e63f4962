"""A composed mail says what was meant, to every mail program, and nothing that anybody smuggled in."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.mail.errors import MailError
from prefcenter.mail.message import (
    ListUnsubscribe,
    OutgoingEmail,
    compose,
    envelope,
    list_id,
    new_message_id,
    unsubscribe_headers,
)
from tests.mail.mails import a_newsletter

TOKENS = st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~", min_size=1, max_size=400
)
ONE_EACH = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-ID",
    "Feedback-ID",
    "MIME-Version",
    "Content-Type",
)


def arrived(mail: OutgoingEmail) -> EmailMessage:
    """As the receiver's parser reads the bytes."""
    return message_from_bytes(compose(mail).as_bytes(), EmailMessage, policy=policy.default)


def test_a_newsletter_has_one_of_each_header_and_no_other() -> None:
    assert tuple(arrived(a_newsletter()).keys()) == ONE_EACH


def test_a_newsletter_has_the_same_words_as_text_and_as_html() -> None:
    message = arrived(a_newsletter(text="Grüße, " + "lang " * 300, html="<p>Grüße</p>"))
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().startswith("Grüße, lang ")
    assert html.get_content().strip() == "<p>Grüße</p>"


def test_the_boundary_stands_in_one_piece_as_every_mail_program_reads_it() -> None:
    head = compose(a_newsletter()).as_bytes().partition(b"\n\n")[0]
    assert head.count(b'boundary="=_') == 1 and b"boundary*" not in head


def test_one_click_needs_no_mailto() -> None:
    message = arrived(a_newsletter())
    assert message["List-Unsubscribe"] == "<https://prefs.example.com/u/tok>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_mailto_carries_its_token_in_the_subject_after_the_link() -> None:
    how = ListUnsubscribe(url="https://prefs.example.com/u/tok", mailto="Stop@example.com", token="tok")
    message = arrived(a_newsletter(list_unsubscribe=how))
    assert message["List-Unsubscribe"] == (
        "<https://prefs.example.com/u/tok>, <mailto:Stop@example.com?subject=tok>"
    )


def test_a_mail_that_is_no_list_mail_has_no_list_headers() -> None:
    message = arrived(a_newsletter(list_unsubscribe=None, list_id=None, feedback_id=None, automatic=True))
    assert not [name for name in message if name.startswith(("List", "Feedback"))]
    assert message["Auto-Submitted"] == "auto-generated"


@given(token=TOKENS, mailto=st.booleans())
def test_the_unsubscribe_link_survives_the_wire_for_any_token(token: str, mailto: bool) -> None:
    address = "unsubscribe@example.com" if mailto else None
    how = ListUnsubscribe(url=f"https://prefs.example.com/u/{token}", mailto=address, token=token)
    raw = compose(a_newsletter(list_unsubscribe=how)).as_bytes()
    expected = f"<https://prefs.example.com/u/{token}>"
    if mailto:
        expected += f", <mailto:unsubscribe@example.com?subject={token}>"
    assert message_from_bytes(raw, policy=policy.default)["List-Unsubscribe"] == expected
    # As simple readers do it: unfold, nothing more. No encoded word may stand in it.
    assert f"List-Unsubscribe: {expected}\r\n".encode() in raw.replace(b"\r\n ", b" ")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


INJECTIONS = st.sampled_from(
    [
        "\r\nBcc: eve@example.com",
        "\n",
        "\r",
        "\r\n\r\nbody",
        "\0",
        "\x0b",
        "\x0c",
        "\x1e",
        "\x85",
        "\u2028",
        "\ud800",
    ]
)
TEXT_FIELDS = ("to", "subject", "sender", "message_id", "list_id", "feedback_id")


@given(field=st.sampled_from(TEXT_FIELDS), breaker=INJECTIONS, data=st.data())
def test_a_line_break_in_any_field_is_refused_by_the_name_of_the_field(
    field: str, breaker: str, data: st.DataObject
) -> None:
    value = getattr(a_newsletter(), field)
    place = data.draw(st.integers(0, len(value)))
    with pytest.raises(MailError) as refused:
        compose(a_newsletter(**{field: value[:place] + breaker + value[place:]}))
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")
    assert "eve" not in str(refused.value)


@given(breaker=INJECTIONS, field=st.sampled_from(["url", "mailto", "token"]))
def test_a_line_break_in_the_unsubscribe_parts_is_refused(breaker: str, field: str) -> None:
    parts = {"url": "https://prefs.example.com/u/tok", "mailto": "stop@example.com", "token": "tok"}
    how = ListUnsubscribe(**{**parts, field: parts[field] + breaker})
    with pytest.raises(MailError, match=field):
        compose(a_newsletter(list_unsubscribe=how))


@given(subject=st.text(), name=st.text(), title=st.text())
def test_whatever_people_write_no_header_is_added_or_lost(subject: str, name: str, title: str) -> None:
    try:
        mail = a_newsletter(
            subject=subject,
            sender=f"{name} <news@example.com>",
            list_id=list_id(title, "newsletter", "prefs.example.com"),
        )
        raw = compose(mail).as_bytes()
    except MailError:
        return
    message = message_from_bytes(raw)
    assert tuple(message.keys()) == ONE_EACH
    assert str(make_header(decode_header(message["Subject"]))) == subject
    assert message["List-ID"].replace("\r\n", "").endswith(" <newsletter.prefs.example.com>")
    assert envelope(compose(mail)).sender == "news@example.com"


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?q?=0d=0aBcc:_eve@example.com?=",
        "two  spaces and " + "many  " * 200 + "more",
        "a" * 3000,
        "Ça alors ! " * 40 + "שלום",
        " leading and trailing ",
        "",
    ],
    ids=["encoded word", "wide spaces", "no spaces", "scripts", "edges", "empty"],
)
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    raw = compose(a_newsletter(subject=subject)).as_bytes()
    message = message_from_bytes(raw)
    assert str(make_header(decode_header(message["Subject"]))) == subject
    assert message["Bcc"] is None
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("news@example.com", ""),
        ("Example, Ltd <news@example.com>", "Example, Ltd"),
        ('"Example \\"Best\\" Ltd" <news@example.com>', 'Example "Best" Ltd'),
        ("Übung & Söhne <news@example.com>", "Übung & Söhne"),
    ],
)
def test_the_sender_is_shown_by_name(sender: str, shown: str) -> None:
    mail = a_newsletter(sender=sender)
    (address,) = arrived(mail)["From"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "news@example.com")
    assert envelope(compose(mail)).sender == envelope(arrived(mail)).sender == "news@example.com"


def test_an_address_beyond_ascii_asks_for_smtputf8_and_arrives_unencoded() -> None:
    message = compose(a_newsletter(to="αδα@example.com"))
    assert envelope(message).smtputf8
    assert "To: αδα@example.com\r\n".encode() in message.as_bytes()


def test_a_domain_beyond_ascii_travels_in_its_dns_form_and_needs_no_smtputf8() -> None:
    to = envelope(compose(a_newsletter(to="Ada@straße.example")))
    assert (to.recipient, to.smtputf8) == ("Ada@xn--strae-oqa.example", False)


def test_the_longest_address_is_neither_folded_nor_encoded() -> None:
    address = "l" * 64 + "@" + ".".join(["d" * 60] * 3) + ".com"
    assert f"To: {address}\r\n".encode() in compose(a_newsletter(to=address)).as_bytes()


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "ada@example.com, eve@example.com",
        "ada@exa mple.com",
        "ada..x@example.com",
        "l" * 65 + "@example.com",
        "é" * 33 + "@example.com",
        "a@" + "d." * 130 + "com",
        "a@\u2488com.example",
    ],
)
def test_what_is_not_one_address_is_refused(to: str) -> None:
    with pytest.raises(MailError, match=r"^to: ") as refused:
        compose(a_newsletter(to=to))
    assert refused.value.__context__ is None or "example.com" not in str(refused.value.__context__)


@pytest.mark.parametrize(
    "url",
    [
        "http://prefs.example.com/u/tok",
        "https:///u/tok",
        "https://prefs.example.com/u/t k",
        "https://prefs.example.com/u/tok>, <https://evil.example/",
        "https://prefs.example.com/u/ü",
        "https://prefs.example.com:port/u/tok",
        "javascript:alert(1)",
        "https://prefs.example.com/u/" + "t" * 1000,
    ],
)
def test_a_link_that_is_not_https_or_would_break_is_refused(url: str) -> None:
    with pytest.raises(MailError, match=r"(?i)^list.unsubscribe"):
        compose(a_newsletter(list_unsubscribe=ListUnsubscribe(url=url)))


def test_http_links_are_fine_on_this_machine_only() -> None:
    message = compose(a_newsletter(list_unsubscribe=ListUnsubscribe(url="http://localhost:8000/u/tok")))
    assert message["List-Unsubscribe"] == "<http://localhost:8000/u/tok>"


def test_a_date_without_a_time_zone_is_refused() -> None:
    with pytest.raises(MailError, match=r"^date: "):
        compose(a_newsletter(date=datetime(2026, 11, 23)))  # noqa: DTZ001 - the mistake that is tested


def test_every_message_id_is_another_one() -> None:
    first, second = new_message_id("prefs.example.com"), new_message_id("prefs.example.com")
    assert first != second
    assert arrived(a_newsletter(message_id=first))["Message-ID"] == first


def test_headers_for_other_tools_are_the_ones_we_send_ourselves() -> None:
    headers = unsubscribe_headers(
        url="https://prefs.example.com/u/tok",
        title="Product newsletter",
        purpose="newsletter",
        host="prefs.example.com",
        mailto=None,
        token="tok",
        campaign="2026-11",
        signed="signed",
    )
    message = arrived(a_newsletter())
    assert headers == {name: str(message[name]) for name in headers}


def test_headers_for_other_tools_are_ascii_in_every_language() -> None:
    headers = unsubscribe_headers(
        url="https://prefs.example.com/u/tok",
        title='Größe & "קצת" מידע',
        purpose="newsletter",
        host="prefs.example.com",
        mailto="stop@example.com",
        token="tok",
        campaign="Frühling: 50%",
        signed="signed",
    )
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    title = headers["List-ID"].removesuffix(" <newsletter.prefs.example.com>")
    assert str(make_header(decode_header(title))) == 'Größe & "קצת" מידע'
    assert headers["Feedback-ID"].split(":")[:3] == ["Fr-hling-50-", "newsletter", "signed"]


@pytest.mark.parametrize("change", [{"title": "a\r\nBcc: x"}, {"purpose": "news letter"}, {"host": "h:80"}])
def test_headers_for_other_tools_refuse_what_would_break_them(change: dict[str, str]) -> None:
    good = {"title": "News", "purpose": "news", "host": "example.com", "url": "u", "token": "t"}
    with pytest.raises(MailError, match=r"^list_id: "):
        unsubscribe_headers(**{**good, **change}, mailto=None, campaign=None, signed="s")
