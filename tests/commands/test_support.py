"""keys, stop, why, check, verify: what operators and support type."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from prefcenter.bootstrap import utc_now
from prefcenter.storage.database import database_for
from prefcenter.storage.duties import keep_result
from prefcenter.use_cases.expire import Clocks
from tests.api.client import open_api, settings_of
from tests.api.servers import serving
from tests.commands.conftest import Console
from tests.databases import sqlite_copy


def test_keys_are_made_listed_and_revoked(console: Console) -> None:
    secret = console.ok(
        "keys", "create", "shop [a]", "--scope", "links:write", "--scope", "decisions:read"
    ).out
    assert re.fullmatch(r"pc_[\w-]{43}\n", secret)
    listed = console.ok("keys", "list").out
    assert secret.strip() not in listed
    [line] = [line for line in listed.splitlines() if "shop [a]" in line]
    assert "decisions:read links:write" in line
    assert "works" in line
    assert "choose another name" in console.refused("keys", "create", "shop [a]", "--scope", "links:write")
    console.ok("keys", "revoke", "shop [a]")
    assert "revoked" in console.ok("keys", "list").out
    assert "no working key" in console.refused("keys", "revoke", "shop [a]")


def test_a_key_without_a_known_scope_or_name_is_refused(local_console: Console) -> None:
    for arguments in (("x",), ("x", "--scope", "links:wriet")):
        said = local_console.refused("keys", "create", *arguments)
        assert "links:write" in said
    for name in ("", "x" * 65, "a\nb"):
        assert "NAME" in local_console.refused("keys", "create", name, "--scope", "links:write")


def test_a_stop_by_support_is_recorded_with_its_reason_and_why_tells(console: Console) -> None:
    console.ok("stop", "Zoe@Example.com", "--reason", "by telephone, ticket 4711")
    for email in ("zoe@example.com", "ZOE@EXAMPLE.COM"):
        said = console.ok("why", email, "--purpose", "newsletter").out
        assert said.startswith("No: ")
        assert "all_marketing_stopped" in said
        assert "ticket 4711" in said
    assert console.ok("why", "zoe@example.com", "--purpose", "account").out.startswith("Yes: ")
    assert "nothing on this address" in console.ok("why", "bob@example.com", "--purpose", "offers").out


def test_a_stop_for_one_purpose_stops_that_one(console: Console) -> None:
    stopped = (
        "zoe@example.com",
        "--purpose",
        "offers",
        "--reason",
        "r",
        "--received",
        "2026-11-01T09:30:00+01:00",
    )
    console.ok("stop", *stopped)
    assert "objected" in console.ok("why", "zoe@example.com", "--purpose", "offers").out
    assert "never_asked" in console.ok("why", "zoe@example.com", "--purpose", "newsletter").out


async def people(settings_folder: Path, url: str, *emails: str) -> None:
    async with open_api(settings_of(settings_folder, url)) as api:
        for email in emails:
            await api.choose(email)


def test_a_whole_domain_is_stopped(console: Console) -> None:
    url = console.environ["PREFCENTER_DATABASE_URL"]
    asyncio.run(
        people(console.folder, url, "a@one.example", "b@one.example", "c@sub.one.example", "d@none.example")
    )
    assert "2 addresses" in console.ok("stop", "@ONE.example", "--reason", "a letter").out
    for email, answer in (("a@one.example", "No"), ("c@sub.one.example", "Yes"), ("d@none.example", "Yes")):
        assert console.ok("why", email, "--purpose", "newsletter").out.startswith(f"{answer}: ")
    assert "0 addresses" in console.ok("stop", "@nobody.example", "--reason", "a letter").out
    assert "0 problems" in console.ok("verify").out


def test_a_stop_that_cannot_be_understood_records_nothing(console: Console) -> None:
    for arguments, said in (
        (("zoe@", "--reason", "r"), "domain"),
        (("@", "--reason", "r"), "domain"),
        (("zoe@example.com", "--reason", " "), "--reason"),
        (("zoe@example.com",), "--reason"),
        (("zoe@example.com", "--reason", "r", "--purpose", "nope"), "newsletter"),
        (("zoe@example.com", "--reason", "r", "--purpose", "account"), "contract"),
        (("zoe@example.com", "--reason", "r", "--received", "yesterday"), "--received"),
        (("zoe@example.com", "--reason", "r", "--received", "2999-01-01"), "look at the year"),
        (("zoe@example.com", "--reason", "r", "--received", "1800-01-01"), "look at the year"),
        (("zoe@example.com", "--reason", "r", "--received", "0001-01-01T00:00:00+14:00"), "--received"),
    ):
        assert said in console.refused("stop", *arguments), arguments
    assert "@" in console.refused("why", "nobody", "--purpose", "newsletter")
    assert console.ok("verify").out.startswith("0 entries")


def test_check_before_anything_is_in_force_says_what_to_do(local_console: Console) -> None:
    nobody_listens = {
        "PREFCENTER_SMTP_URL": "smtp://127.0.0.1:1",
        "PREFCENTER_BASE_URL": "http://127.0.0.1:1",
    }
    checked = local_console.run("check", environ=nobody_listens)
    assert checked.code == 1
    assert findings(checked.out) == {
        "links": "warning",
        "webhooks": "ok",
        "database": "ok",
        "keys": "ok",
        "catalog": "problem",
        "one-click": "problem",
        "clocks": "ok",
        "mail": "problem",
    }
    assert "prefcenter apply" in checked.out
    private = local_console.run("check", environ={"PREFCENTER_ALLOW_PRIVATE_WEBHOOKS": "1"}).out
    assert findings(private)["webhooks"] == "warning"


def test_check_finds_keys_that_are_not_those_of_the_database(console: Console) -> None:
    asyncio.run(people(console.folder, console.environ["PREFCENTER_DATABASE_URL"], "ada@example.com"))
    for name in ("PREFCENTER_SECRET_KEYS", "PREFCENTER_PEPPER"):
        checked = console.run("check", environ={name: "another-secret-than-before-" * 2})
        assert checked.code == 1
        assert findings(checked.out)["keys"] == "problem"
        assert name in checked.out
    assert findings(console.run("check").out)["keys"] == "ok"


def test_check_says_which_mails_wait_for_a_mail_server(console: Console) -> None:
    url = console.environ["PREFCENTER_DATABASE_URL"]

    async def request() -> None:
        async with open_api(settings_of(console.folder, url)) as api:
            asked = await api.choose("zoe@example.com", "request")
            assert (asked["effect"], asked["reason"]) == ("pending", "needs_confirmation")

    assert "mails" not in findings(console.run("check").out)
    asyncio.run(request())
    checked = console.run("check").out
    assert findings(checked)["mails"] == "warning"
    waiting = "1 wait to be sent; set PREFCENTER_SMTP_URL; of them 1 to confirm, which lapses in 7 days"
    assert waiting in checked
    served = console.run("check", environ={"PREFCENTER_SMTP_URL": "smtp://127.0.0.1:1"}).out
    assert "mails" not in findings(served)


def test_check_says_what_the_clocks_found_and_whether_they_stand_still(console: Console) -> None:
    async def kept(at: datetime, **more: Any) -> None:
        database = database_for(console.environ["PREFCENTER_DATABASE_URL"])
        await database.open()
        walk = Clocks(at=at, expired=12, review_due=340, remind_due=5, **more)
        await keep_result(database, "clocks", msgspec.json.encode(walk).decode(), at)
        await database.close()

    def line() -> str:
        [found] = [line for line in console.run("check").out.splitlines() if " clocks " in line]
        return found

    now = utc_now()
    assert line() == "ok       clocks     have not run yet; a worker looks every hour"
    asyncio.run(kept(now))
    found = "12 ran out; due: 340 for review, 5 for a reminder"
    assert line() == f"ok       clocks     {found}; at {now:%Y-%m-%d %H:%M} UTC"
    asyncio.run(kept(now, yeses_after=7))
    assert f"{found}; so far, at " in line()
    asyncio.run(kept(now - timedelta(hours=4)))
    assert line().startswith("warning  clocks     last looked at ") and "is a worker up?" in line()


def findings(out: str) -> dict[str, str]:
    lines = [re.match(r"(ok|warning|problem) +(\S+) ", line) for line in out.splitlines()]
    assert all(lines), out
    return {line[2]: line[1] for line in lines if line}


async def test_check_posts_a_real_one_click_that_stops_nobody(sqlite_template: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sqlite_copy(sqlite_template, tmp_path))
    console = Console(tmp_path, settings.database_url)
    async with serving(settings) as url:
        console.environ["PREFCENTER_BASE_URL"] = url
        checked = await asyncio.to_thread(console.run, "check")
        async with httpx2.AsyncClient(base_url=url) as client:
            assert (await client.get("/healthz")).status_code == 200
    assert findings(checked.out)["one-click"] == "ok", checked.out
    assert findings(checked.out)["catalog"] == "ok"
    assert (await asyncio.to_thread(console.run, "verify")).out.endswith("0 problems\n")
