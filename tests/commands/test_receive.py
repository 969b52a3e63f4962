"""`prefcenter receive`: a mail by the pipe of a mail server, and the queue of what waits."""

from __future__ import annotations

import asyncio
import re

import pytest

from prefcenter.commands.receiving import REASONS
from tests.commands.conftest import Console
from tests.mail.samples import AUTOMATIC, a_complaint, a_mail
from tests.postgres import PostgresServer
from tests.use_cases.post import ADA, open_post_office

ID = re.compile(r"\b[0-9a-f]{32}\b")


def headers(console: Console, address: str = ADA) -> dict[str, str]:
    async def made() -> dict[str, str]:
        async with open_post_office(console.environ["PREFCENTER_DATABASE_URL"], console.folder) as post:
            return post.headers(address)

    return asyncio.run(made())


def stops(console: Console, address: str = ADA) -> list[str]:
    async def found() -> list[str]:
        async with open_post_office(console.environ["PREFCENTER_DATABASE_URL"], console.folder) as post:
            return [stop[0].value for stop in await post.stops(address)]

    return asyncio.run(found())


def test_a_mail_with_our_token_stops_and_the_pipe_ends_well(console: Console) -> None:
    mailto = headers(console)["List-Unsubscribe"]
    token = mailto.rpartition("subject=")[2].rstrip(">")
    assert console.ok("receive", stdin=a_mail(Subject=token)).err.strip() == "stopped"
    assert console.ok("receive", stdin=a_mail(Subject=token)).err.strip() == "repeated"
    assert stops(console) == ["withdrawn"]


def test_a_complaint_comes_by_the_pipe_too(console: Console) -> None:
    assert "complained" in console.ok("receive", stdin=a_complaint(headers=headers(console))).err
    assert stops(console) == ["complained"]


@pytest.mark.parametrize("raw", [b"", b"\xff\0\n", a_mail("Hello?"), *AUTOMATIC.values()])
def test_no_mail_makes_it_fail(local_console: Console, raw: bytes) -> None:
    said = local_console.ok("receive", stdin=raw).err
    assert said.startswith(("queued", "ignored"))
    assert "example.com" not in said


def test_of_fifty_megabytes_the_token_is_read_and_all_is_taken_from_the_pipe(local_console: Console) -> None:
    local_console.ok("apply")
    token = headers(local_console)["List-Unsubscribe"].rpartition("subject=")[2].rstrip(">")
    process = local_console.start("receive")
    out, err = process.communicate(a_mail("x" * 50_000_000, Subject=token), timeout=120)
    assert (process.returncode, out) == (0, b""), err
    assert stops(local_console) == ["withdrawn"]


def test_while_the_database_is_away_the_mail_server_keeps_the_mail(
    postgres_server: PostgresServer, local_console: Console
) -> None:
    local_console.environ["PREFCENTER_DATABASE_URL"] = postgres_server.url("nowhere")
    postgres_server.stop()
    ran = local_console.run("receive", stdin=a_mail("stop"))
    assert ran.code == 75 and "to be tried again" in ran.err


@pytest.mark.parametrize(
    "environ",
    [{"PREFCENTER_PEPPER": "short"}, {"PREFCENTER_MAIL_IN": "lmtp://127.0.0.1:8024"}, {"PREFCENTER_X": "1"}],
)
def test_wrong_settings_lose_no_mail(local_console: Console, environ: dict[str, str]) -> None:
    ran = local_console.run("receive", stdin=a_mail("stop"), environ=environ)
    assert ran.code == 75
    assert next(iter(environ)) in ran.err


def test_a_database_of_another_version_loses_no_mail(local_console: Console) -> None:
    local_console.environ["PREFCENTER_DATABASE_URL"] = "sqlite:///empty.db"
    ran = local_console.run("receive", stdin=a_mail("stop"))
    assert ran.code == 75


def test_what_waits_is_listed_shown_and_closed(console: Console) -> None:
    assert "No mail waits" in console.ok("receive", "--queue").out
    raw = a_mail("Please call me about my order", Subject="[red]Hello")
    console.ok("receive", stdin=raw)
    console.ok("receive", stdin=a_mail("unsubscribe", From="x"))
    listed = console.ok("receive", "--queue").out
    assert REASONS["not_understood"] in listed and REASONS["stop_unproved"] in listed
    assert "a•••@example.com" in listed and ADA not in listed
    assert "nobody named" in listed and "2 wait, 2 shown" in listed
    [line] = [line for line in listed.splitlines() if REASONS["not_understood"] in line]
    [id_] = ID.findall(line)
    shown = console.ok("receive", "--show", id_)
    assert shown.out.encode() == raw.replace(b"\r\n", b"\n") or shown.out.encode() == raw
    assert "not_understood" in shown.err
    checked = console.run("check").out
    assert "2 wait for you, since" in checked
    assert "Closed." in console.ok("receive", "--done", id_.upper()).out
    assert "Closed already" in console.ok("receive", "--done", id_).out
    assert id_ not in console.ok("receive", "--queue").out


@pytest.mark.parametrize("option", ["--show", "--done"])
@pytest.mark.parametrize("id_", ["x", "0" * 32])
def test_a_mail_that_is_not_there_is_said_so(local_console: Console, option: str, id_: str) -> None:
    assert f"{option}: no mail has this id" in local_console.refused("receive", option, id_)


def test_every_reason_fits_and_says_what_it_means() -> None:
    assert all(len(reason) <= 24 for reason in REASONS)
