"""`check` and `verify`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from prefcenter.bootstrap import utc_now, wanted_catalog
from prefcenter.catalog import CatalogError
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.purposes import PROBE_PURPOSE
from prefcenter.links import StopLink
from prefcenter.mail.errors import SendError
from prefcenter.mail.smtp import SmtpSender
from prefcenter.settings import Settings
from prefcenter.storage.database import StorageUnavailable, check_writable
from prefcenter.storage.imports import unfinished
from prefcenter.storage.mail_in import mail_in_counts
from prefcenter.storage.mail_queue import FAILED, PENDING, MailQueue
from prefcenter.storage.vault import CannotUnseal
from prefcenter.storage.verify import verify as verify_ledger
from prefcenter.use_cases.confirming import KIND as CONFIRM
from prefcenter.use_cases.expire import last_clocks
from prefcenter.use_cases.services import Services

_TIMEOUT_SECONDS = 10.0
_CLOCKS_STOOD_STILL = timedelta(hours=3)
_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`level`: ok, warning or problem."""

    level: str
    what: str
    detail: str


async def check(settings: Settings) -> int:
    """Print what works and what does not; the exit code is 1 where something must be mended."""
    findings = [_base_url(settings), _webhooks(settings)]
    try:
        async with opened(settings) as services:
            findings += [await _database(services), await _keys(services)]
            findings += [await _catalog(services), await _one_click(services)]
            findings += [*await _mails(services), *await _imports(services)]
            findings.append(await _clocks(services, utc_now()))
            findings += await _mail_in(services)
    except (CommandError, StorageUnavailable) as error:
        findings.append(Finding("problem", "database", str(error)))
        findings.append(_file(settings))
    findings.append(await _smtp(settings))
    return print_findings(findings)


def print_findings(findings: Sequence[Finding]) -> int:
    """One line each; returns 1 where something must be mended."""
    console = Console()
    for finding in findings:
        line = Text.assemble(
            (f"{finding.level:<8}", _COLOURS[finding.level]), f" {finding.what:<10} {finding.detail}"
        )
        console.print(line, soft_wrap=True)
    return 1 if any(finding.level == "problem" for finding in findings) else 0


def _base_url(settings: Settings) -> Finding:
    if settings.base_url.startswith("https:"):
        return Finding("ok", "links", f"begin with {settings.base_url}")
    return Finding("warning", "links", "PREFCENTER_BASE_URL is not https: mail programs offer no one-click")


def _webhooks(settings: Settings) -> Finding:
    if settings.allow_private_webhooks:
        detail = "PREFCENTER_ALLOW_PRIVATE_WEBHOOKS=1: endpoints may point inside; not for production"
        return Finding("warning", "webhooks", detail)
    return Finding("ok", "webhooks", "go to public addresses only")


async def _database(services: Services) -> Finding:
    await check_writable(services.database)
    head = await services.reader.head()
    return Finding("ok", "database", f"{services.database.dialect}, durable, writable; {head} entries")


async def _keys(services: Services) -> Finding:
    """Whether the configured keys open what was sealed, first and last, and the pepper still finds it."""
    sample = await services.reader.ends_of_contacts()
    for contact in sample:
        try:
            address = services.reader.address(contact)
        except CannotUnseal:
            detail = "PREFCENTER_SECRET_KEYS lacks a key that addresses were sealed with; put it back"
            return Finding("problem", "keys", detail)
        if services.fingerprinter.of_email(parse_email(address)).wide != contact.wide:
            detail = "PREFCENTER_PEPPER is not the one that fingerprints were made with: no stop is found"
            return Finding("problem", "keys", detail)
    return Finding("ok", "keys", "open what is sealed" if sample else "nothing is sealed yet")


async def _catalog(services: Services) -> Finding:
    if (file := _file(services.settings)).level != "ok":
        return file
    current = services.catalogs.current
    if current is None:
        return Finding("problem", "catalog", "nothing is in force; run `prefcenter apply`")
    planned = await services.catalogs.plan(wanted_catalog(services.settings), utc_now())
    if not planned.nothing_to_do:
        number = len(planned.changes)
        return Finding("warning", "catalog", f"what is wanted differs in {number} points: `prefcenter plan`")
    return Finding("ok", "catalog", f"{len(current.purposes)} purposes in force")


def _file(settings: Settings) -> Finding:
    """Whether the catalog can be read, in force or not."""
    try:
        return Finding("ok", "catalog", f"{len(wanted_catalog(settings).purposes)} purposes in the file")
    except CatalogError as error:
        return Finding("problem", "catalog", str(error))


async def _smtp(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        return Finding("warning", "mail", "PREFCENTER_SMTP_URL is not set: no mail can be sent")
    try:
        return Finding("ok", "mail", await SmtpSender.from_url(settings.smtp_url.reveal()).probe())
    except SendError as error:
        return Finding("problem", "mail", f"PREFCENTER_SMTP_URL: {error}")


async def _mails(services: Services) -> list[Finding]:
    """What waits with nothing to send it, and what could not be sent; nothing where there is none of it."""
    states: Counter[str] = Counter()
    counts = await MailQueue(services.database).counts()
    for by_state in counts.values():
        states.update(by_state)
    confirming = counts.get(CONFIRM, {}).get(PENDING, 0)
    found = []
    if states[PENDING] and services.settings.smtp_url is None:
        lapse = f"; of them {confirming} to confirm, which lapses in 7 days" if confirming else ""
        detail = f"{states[PENDING]} wait to be sent; set PREFCENTER_SMTP_URL{lapse}"
        found.append(Finding("warning", "mails", detail))
    if newest := await MailQueue(services.database).newest_failure():
        detail = f"{states[FAILED]} failed in the last 90 days, the newest ({newest[0]}): {newest[1]}"
        found.append(Finding("warning", "mails", detail))
    return found


async def _imports(services: Services) -> list[Finding]:
    """Imports that have not come to their end: they run now, or were interrupted."""
    return [
        Finding(
            "warning",
            "imports",
            f"{name} has not come to its end; last came on at {at:%Y-%m-%d %H:%M} UTC: where it does not run "
            "any more, the same `prefcenter import` goes on with it",
        )
        for name, at in await unfinished(services.database)
    ]


async def _clocks(services: Services, now: datetime) -> Finding:
    """What the worker last found run out or due, and whether it still looks."""
    done = await last_clocks(services)
    if done is None:
        return Finding("ok", "clocks", "have not run yet; a worker looks every hour")
    at = f"{done.at:%Y-%m-%d %H:%M} UTC"
    if now - done.at > _CLOCKS_STOOD_STILL:
        return Finding("warning", "clocks", f"last looked at {at}; is a worker up?")
    found = f"{done.expired} ran out; due: {done.review_due} for review, {done.remind_due} for a reminder"
    so_far = "so far, " if done.is_under_way else ""
    return Finding("ok", "clocks", f"{found}; {so_far}at {at}")


async def _mail_in(services: Services) -> list[Finding]:
    """What came in by mail and waits for the operator; nothing where nothing does."""
    counts = await mail_in_counts(services.database)
    if counts.oldest is None:
        return []
    since = f"{counts.oldest:%Y-%m-%d %H:%M} UTC"
    detail = f"{counts.open} wait for you, since {since}: `prefcenter receive --queue`"
    return [Finding("warning", "mail in", detail)]


async def _one_click(services: Services) -> Finding:
    """A real one-click at the public URL, with a link that stops nothing for anybody."""
    wide = services.fingerprinter.of_form("email", "check@invalid")
    token = services.links.stop(StopLink(wide, PROBE_PURPOSE))
    url = f"{services.settings.base_url}/u/{token}"
    before = await services.reader.head()
    try:
        async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            response = await client.post(url, data={"List-Unsubscribe": "One-Click"})
    except httpx2.HTTPError as error:
        base_url = services.settings.base_url
        detail = f"{base_url} does not answer ({type(error).__name__}); is `prefcenter serve` up?"
        return Finding("problem", "one-click", detail)
    if response.status_code != 200:
        return Finding("problem", "one-click", f"the public URL answered {response.status_code}, not 200")
    if not await _recorded(services, before, wide):
        detail = "answered 200, but nothing came into this database: does the URL lead to another instance?"
        return Finding("problem", "one-click", detail)
    return Finding("ok", "one-click", "posted at the public URL, recorded here")


async def _recorded(services: Services, before: int, wide: bytes) -> bool:
    stops = await services.reader.stops_at(wide)
    now = utc_now()
    return any(stop.seq > before or (now - stop.recorded_at).total_seconds() < 90 for stop in stops)


async def verify(settings: Settings) -> int:
    async with opened(settings) as services:
        head = await services.reader.head()
        with Progress(console=Console(stderr=True), transient=True) as progress:
            progress.add_task(f"reading {head} entries", total=None)
            problems = await verify_ledger(services.database, services.catalogs, services.vault)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{head} entries, {len(problems)} problems")
    return 1 if problems else 0
