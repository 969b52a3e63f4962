"""A "stop" that only its From vouches for: one mail back, and one button that stops everything."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prefcenter.domain.choices import Cause, Source
from prefcenter.mail.incoming import Automatic, read_incoming
from prefcenter.storage.duties import clean_up
from prefcenter.storage.mail_in import BODIES_KEPT
from prefcenter.use_cases.receive_mail import Became, receive_mail
from tests.databases import sqlite_copy
from tests.mail.samples import a_mail
from tests.web.asking import Postbox
from tests.web.site import ADA, Clock, Site, open_site, settings_for

PASS = "mx.example.com; dmarc=pass header.from=example.com"
LINK = re.compile(r"https?://[^\s/]+(/u/\S+)")


@pytest.fixture
async def trusting(sqlite_template: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Site]:
    variables = {"PREFCENTER_AUTHSERV_ID": "mx.example.com", "PREFCENTER_SMTP_URL": "smtp://127.0.0.1:1"}
    settings = settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path, **variables)
    async with open_site(settings, clock) as site:
        yield site


async def asked(site: Site) -> None:
    raw = a_mail("unsubscribe", Authentication_Results=PASS)
    assert (await receive_mail(site.services, raw, sender=None, now=site.clock())).became is Became.ASKED


async def test_the_mailbox_is_asked_and_one_button_stops_everything(trusting: Site) -> None:
    await asked(trusting)
    [mail] = await Postbox(trusting).deliver()
    assert mail["To"] == ADA and "no more mail" in mail["Subject"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    [path] = LINK.findall(plain.get_content())
    shown = (await trusting.client.get(path)).text
    assert "Stop all marketing" in shown and "Stop this mail" not in shown
    assert await trusting.head() == 0
    done = await trusting.client.post(path, data={"stop": "all"})
    assert "no marketing at all" in done.text
    stops = await trusting.services.reader.stops_at(trusting.prints(ADA).wide)
    assert [(stop.cause, stop.purpose, stop.channel, stop.source) for stop in stops] == [
        (Cause.ALL_MARKETING, "*", "*", Source.PAGE)
    ]


async def test_one_click_on_a_link_for_everything_stops_everything(trusting: Site) -> None:
    answer = await trusting.client.post(
        trusting.stop_path(purpose="*"), data={"List-Unsubscribe": "One-Click"}
    )
    assert answer.status_code == 200
    stops = await trusting.services.reader.stops_at(trusting.prints(ADA).wide)
    assert [(stop.cause, stop.channel) for stop in stops] == [(Cause.ALL_MARKETING, "*")]


async def test_our_mail_is_one_that_we_would_not_answer(trusting: Site) -> None:
    await asked(trusting)
    [mail] = await Postbox(trusting).deliver()
    assert isinstance(read_incoming(mail.as_bytes()).what, Automatic)


async def test_it_is_dropped_once_what_it_answers_is_purged(trusting: Site) -> None:
    await asked(trusting)
    trusting.clock.now += BODIES_KEPT * 1.01
    await clean_up(trusting.services.database, trusting.clock())
    assert await Postbox(trusting).deliver() == []
