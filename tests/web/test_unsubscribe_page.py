"""`/u/{token}`: one click stops the mail, however a mail program sends it (RFC 8058), and is never lost."""

import asyncio
import base64
import string
from pathlib import Path

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.links import Links, StopLink
from tests.databases import postgres_copy, sqlite_copy
from tests.postgres import PostgresServer
from tests.web.site import ADA, Clock, Site, open_site, settings_for

PAIR = "List-Unsubscribe=One-Click"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xx"
MULTIPART_BODY = (
    b'--xx\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xx--\r\n'
)

#: What mail programs send, and what else may arrive: headers and body.
ONE_CLICKS: dict[str, tuple[dict[str, str], bytes]] = {
    "urlencoded": ({"content-type": URLENCODED}, PAIR.encode()),
    "multipart": ({"content-type": MULTIPART}, MULTIPART_BODY),
    "type in mixed case": ({"content-type": "Application/X-WWW-Form-UrlEncoded"}, PAIR.encode()),
    "charset": ({"content-type": f"{URLENCODED}; charset=UTF-8"}, PAIR.encode()),
    "field twice": ({"content-type": URLENCODED}, f"{PAIR}&{PAIR}".encode()),
    "extra fields": ({"content-type": URLENCODED}, f"a=b&{PAIR}&stop=all&undo=x".encode()),
    "empty body": ({"content-type": URLENCODED}, b""),
    "no type": ({}, PAIR.encode()),
    "odd body": ({"content-type": "application/json"}, b'{"List-Unsubscribe": 1'),
    "not text": ({"content-type": URLENCODED}, b"\xff\xfe%zz=%00\xff"),
    "broken multipart": ({"content-type": MULTIPART}, b"--xx\r\n"),
    "cookies and a login": (
        {"content-type": URLENCODED, "cookie": "session=1", "authorization": "Basic eDp5"},
        PAIR.encode(),
    ),
}


@pytest.mark.parametrize("name", ONE_CLICKS)
async def test_one_click_stops_the_mail_however_it_is_sent(lite_site: Site, name: str) -> None:
    headers, body = ONE_CLICKS[name]
    answer = await lite_site.client.post(lite_site.stop_path(), headers=headers, content=body)
    assert answer.status_code == 200
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert len(answer.content) < 100
    assert (await lite_site.decision()).reason == "withdrawn"
    assert (await lite_site.decision("offers")).allowed


#: Requests as bytes, for what a client library would not send. {path} and {body} are filled in.
RAW = {
    "HTTP/1.0": "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 26\r\n\r\n{body}",
    "chunked": "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\n1a\r\n{body}\r\n0\r\n\r\n",
    "expects 100": "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\r\n{body}",
}


async def exchange(site: Site, request: bytes) -> bytes:
    host, _, port = site.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("name", RAW)
async def test_one_click_in_old_and_rare_forms_of_http(lite_site: Site, name: str) -> None:
    request = RAW[name].format(path=lite_site.stop_path(), body=PAIR)
    answer = await exchange(lite_site, request.encode())
    final = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert final.startswith(b"HTTP/1.1 200 ")
    assert b"set-cookie" not in final.lower()
    assert (await lite_site.decision()).reason == "withdrawn"


async def test_a_click_is_kept_with_its_evidence_on_both_databases(site: Site) -> None:
    await site.client.post(site.stop_path(), data={"List-Unsubscribe": "One-Click"})
    assert (await site.decision()).reason == "withdrawn"
    newest = (await site.services.reader.history([site.prints(ADA).wide], None))[-1]
    assert (newest.entry.action, newest.entry.source) == (Action.WITHDRAW, Source.ONE_CLICK)
    assert newest.evidence == {"method": "one_click"}


async def test_an_unusual_body_stops_too_and_is_noted(lite_site: Site) -> None:
    await lite_site.client.post(lite_site.stop_path(), content=b"")
    newest = (await lite_site.services.reader.history([lite_site.prints(ADA).wide], None))[-1]
    assert newest.evidence == {"method": "one_click", "unusual_body": True}


async def test_a_second_click_says_the_same_and_counts_once(site: Site) -> None:
    answers = [await site.client.post(site.stop_path(), content=PAIR) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    history = await site.services.reader.history([site.prints(ADA).wide], None)
    assert [item.entry.action for item in history].count(Action.WITHDRAW) == 1


async def test_a_stop_for_an_address_nobody_has_is_kept(site: Site) -> None:
    stranger = "stranger@example.net"
    page = await site.client.get(site.stop_path(stranger))
    assert "•••" not in page.text
    await site.client.post(site.stop_path(stranger), content=PAIR)
    await site.said(Action.GIVE, address=stranger, source=Source.IMPORT)
    assert (await site.decision(address=stranger)).reason == "withdrawn"


async def test_the_page_says_what_it_is_about_and_masks_the_address(lite_site: Site) -> None:
    text = (await lite_site.client.get(lite_site.stop_path())).text
    assert "Product newsletter" in text and "Monthly product news and tips." in text
    assert "a•••@example.com" in text and ADA not in text


async def test_one_button_stops_one_purpose_and_the_other_all_marketing(site: Site) -> None:
    answer = await site.client.post(site.stop_path(), data={"stop": "purpose"})
    assert "<title>You are unsubscribed" in answer.text and "48 hours" in answer.text
    assert not (await site.decision()).allowed
    assert (await site.decision("offers")).allowed
    await site.client.post(site.stop_path(), data={"stop": "all"})
    assert (await site.decision("offers")).reason == "all_marketing_stopped"
    assert (await site.decision("account")).allowed


def undo_in(text: str) -> str:
    return text.partition('name="undo" value="')[2].partition('"')[0]


@pytest.mark.parametrize("what", ["purpose", "all"])
async def test_undo_restores_what_the_stop_ended(site: Site, what: str) -> None:
    stopped = await site.client.post(site.stop_path(), data={"stop": what})
    answer = await site.client.post(site.stop_path(), data={"undo": undo_in(stopped.text)})
    assert "<title>Your unsubscription is undone" in answer.text
    assert (await site.decision()).allowed
    assert (await site.decision("offers")).allowed


@pytest.mark.parametrize("other", [Source.OPERATOR, Source.ONE_CLICK, Source.EMAIL_REQUEST])
@pytest.mark.parametrize("first", [True, False])
async def test_undo_takes_back_no_stop_but_its_own(site: Site, other: Source, first: bool) -> None:
    """Also where both were made within the same minute."""
    if first:
        await site.said(Action.WITHDRAW, source=other)
    stopped = await site.client.post(site.stop_path(), data={"stop": "purpose"})
    if not first:
        await site.said(Action.WITHDRAW, source=other)
    await site.client.post(site.stop_path(), data={"undo": undo_in(stopped.text)})
    assert (await site.decision()).reason == "withdrawn"


async def test_undo_ends_after_thirty_minutes(lite_site: Site, clock: Clock) -> None:
    stopped = await lite_site.client.post(lite_site.stop_path(), data={"stop": "purpose"})
    clock.pass_by(minutes=31)
    answer = await lite_site.client.post(lite_site.stop_path(), data={"undo": undo_in(stopped.text)})
    assert answer.status_code == 200 and "<title>Nothing was changed" in answer.text
    assert (await lite_site.decision()).reason == "withdrawn"


async def test_undo_does_not_take_back_a_newer_stop(lite_site: Site, clock: Clock) -> None:
    first = await lite_site.client.post(lite_site.stop_path(), data={"stop": "purpose"})
    clock.pass_by(minutes=5)
    await lite_site.client.post(lite_site.stop_path(), data={"stop": "all"})
    answer = await lite_site.client.post(lite_site.stop_path(), data={"undo": undo_in(first.text)})
    assert "<title>Nothing was changed" in answer.text
    assert not (await lite_site.decision()).allowed


async def test_every_bad_link_gets_the_same_answer_to_the_byte(lite_site: Site) -> None:
    site = lite_site
    good = site.stop_path()[3:]
    value, _, signature = good.rpartition(".")
    foreign = Links([b"another instance's key, 32 octets"]).stop(StopLink(b"x" * 16, "newsletter"))
    manage = site.manage_path()[3:]
    bad = {
        "forged": f"{value}.{'A' * len(signature)}",
        "truncated": good[:-4],
        "of another instance": foreign,
        "of another power": manage,
        "padded": good + "=",
        "not base64": "%C3%A4.%E2%82%AC",
        "empty parts": ".",
        "long": "A" * 5000,
        "unsigned": base64.urlsafe_b64encode(b"x" * 26).decode(),
    }
    paths = [f"/u/{token}" for token in (*bad.values(), *respelled(good))]
    paths += [f"/p/{good}", "/p/x", "/nowhere", f"/u/{good}/more", "/static/nothing.css"]
    answers = [await site.client.get(path) for path in paths]
    answers += [await site.client.post(path, content=PAIR) for path in paths if path.startswith("/u/")]
    shapes = {(answer.status_code, answer.content) for answer in answers}
    assert len(shapes) == 1
    assert answers[0].status_code == 404
    assert (await site.decision()).allowed


def respelled(token: str) -> list[str]:
    """The other spellings of its last characters that base64 reads as the same bytes."""
    letters = string.ascii_letters + string.digits + "-_"
    value, _, signature = token.rpartition(".")
    spellings = [f"{value}.{signature[:-1]}{letter}" for letter in letters]
    spellings += [f"{value[:-1]}{letter}.{signature}" for letter in letters]
    return [spelling for spelling in spellings if spelling != token]


async def test_the_not_found_page_says_whom_to_tell_which_address(lite_site: Site) -> None:
    text = (await lite_site.client.get("/nowhere")).text
    for needed in ("Example Ltd", "privacy@example.com", "1 Example Street", "which address"):
        assert needed in text


async def test_the_not_found_page_works_before_any_catalog_is_in_force(
    sqlite_template: Path, tmp_path: Path, clock: Clock
) -> None:
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path)
    async with open_site(settings, clock, apply=False) as site:
        answer = await site.client.get("/u/x")
        assert answer.status_code == 404 and "which address" in answer.text
        assert (await site.client.get(site.manage_path())).status_code in (200, 503)
        stopped = await site.client.post(site.stop_path(), content=PAIR)
        assert stopped.status_code == 200


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_body_over_64_kilobytes_is_refused(lite_site: Site, declared: bool) -> None:
    async def parts():
        for _ in range(70):
            yield b"x" * 1024

    body = b"x" * (64 * 1024 + 1) if declared else parts()
    answer = await lite_site.client.post(lite_site.stop_path(), content=body)
    assert answer.status_code == 413
    assert (await lite_site.decision()).allowed


async def test_without_its_database_it_asks_to_try_again_and_records_nothing(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path, clock: Clock
) -> None:
    copies = postgres_copy(postgres_server, postgres_template)
    async with open_site(settings_for(next(copies), tmp_path), clock) as site:
        await site.said(Action.GIVE)
        head = await site.head()
        postgres_server.stop()
        for body in ({"List-Unsubscribe": "One-Click"}, {"stop": "all"}):
            answer = await site.client.post(site.stop_path(), data=body)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "Not done yet" in answer.text
        assert (await site.client.get(site.stop_path())).status_code == 503
        postgres_server.start()
        assert await site.head() == head
        assert (await site.client.post(site.stop_path(), content=PAIR)).status_code == 200
        assert (await site.decision()).reason == "withdrawn"
    next(copies, None)
