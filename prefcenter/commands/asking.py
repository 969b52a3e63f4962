"""`ask`: asks people about a new or changed purpose, or tells them of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bar

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.asking import kinds_of
from prefcenter.domain.campaign_words import CampaignKind, NotAsked
from prefcenter.domain.purposes import Purpose
from prefcenter.settings import Settings
from prefcenter.storage.campaigns import CampaignBusy, Campaigns, Progress
from prefcenter.use_cases.ask_people import ask_people, count_askable, purpose_to_ask
from prefcenter.use_cases.refusals import Refused
from prefcenter.use_cases.remind_people import remind_people
from prefcenter.use_cases.services import Services

MOST_PER_MINUTE = 60_000

_WHAT = {CampaignKind.ASK: "asking", CampaignKind.NOTICE: "giving notice"}

#: Why somebody is not asked, as a sentence.
REASONS: Mapping[str, str] = {
    NotAsked.ANSWERED: "hold this version already",
    NotAsked.DECLINED: "said no to this version",
    NotAsked.STOPPED: "stopped it, or all marketing",
    NotAsked.MINOR: "are too young to say yes themselves",
    NotAsked.PAUSED: "paused it",
    NotAsked.NOT_CONCERNED: "are not concerned, or only by the other kind of campaign",
    NotAsked.CONFIRMING: "have a confirmation of it in their mailbox",
    NotAsked.TOLD: "were told already",
    NotAsked.RESTING: "were asked it within 12 months",
    NotAsked.ASKED_RECENTLY: "were asked something within 90 days",
    NotAsked.NO_LIVE_PURPOSE: "may not be mailed: they are asked on their preferences page",
    NotAsked.SUPERSEDED: "were queued when a newer version came",
    NotAsked.NO_ADDRESS: "have no address any more",
    "already_in": "are in this campaign already",
}


async def ask(settings: Settings, key: str, *, dry_run: bool, per_minute: int | None, remind: bool) -> None:
    """Queue the mails of a campaign and say how it stands; the worker sends them."""
    if dry_run and remind:
        raise CommandError("--dry-run and --remind: only one of them")
    if per_minute is not None and not 1 <= per_minute <= MOST_PER_MINUTE:
        raise CommandError(f"--per-minute: from 1 to {MOST_PER_MINUTE} mails")
    async with opened(settings) as services:
        try:
            purpose = purpose_to_ask(services, key)
            if dry_run:
                await _count(services, purpose)
            elif remind:
                await _remind(services, purpose)
            else:
                await _ask(services, purpose, per_minute)
        except Refused as error:
            raise CommandError("\n".join(f"{e.field}: {e.message}" for e in error.errors)) from error
        except CampaignBusy as error:
            message = f"another `prefcenter ask {key}` is running; wait until it is done"
            raise CommandError(message) from error
    if not dry_run and settings.smtp_url is None:
        print("The mails wait: PREFCENTER_SMTP_URL is not set, so nothing can send them.")


async def _count(services: Services, purpose: Purpose) -> None:
    for kind in kinds_of(purpose):
        with _bar(f"{purpose.key}: {_WHAT[kind]}") as watch:
            counted = dict(await count_askable(services, purpose, kind, now=utc_now(), watch=watch))
        print(f"{_title(purpose.key, purpose.version, kind)} would mail {counted.pop('ask', 0)}")
        _print_reasons(counted)


async def _ask(services: Services, purpose: Purpose, per_minute: int | None) -> None:
    for kind in kinds_of(purpose):
        with _bar(f"{purpose.key}: {_WHAT[kind]}") as watch:
            await ask_people(services, purpose, kind, per_minute=per_minute, clock=utc_now, watch=watch)
    await _print_progress(services, purpose)


async def _remind(services: Services, purpose: Purpose) -> None:
    with _bar(f"{purpose.key}: reminding") as watch:
        reminded = await remind_people(
            services, purpose, clock=utc_now, watch=lambda number: watch(number, 0)
        )
    print(f"{reminded} reminded, who were asked 14 to 90 days ago and have said nothing.")
    await _print_progress(services, purpose)


async def _print_progress(services: Services, purpose: Purpose) -> None:
    """In the order of a dry run."""
    found = {
        progress.campaign.kind: progress
        for progress in await Campaigns(services.database).progress()
        if (progress.campaign.purpose, progress.campaign.version) == (purpose.key, purpose.version)
    }
    for kind in kinds_of(purpose):
        if kind in found:
            _print(found[kind])


def _print(progress: Progress) -> None:
    campaign = progress.campaign
    print(_title(campaign.purpose, campaign.version, CampaignKind(campaign.kind)))
    waiting = f"{progress.queued} to be mailed, {campaign.per_minute} a minute at most"
    print(f"  {'asked':<8} {progress.asked} ({waiting})")
    for name in ("yes", "no", "later", "seen", "silent"):
        print(f"  {name:<8} {getattr(progress, name)}")
    _print_reasons(progress.not_askable)


def _title(key: str, version: int, kind: CampaignKind) -> str:
    return f"'{key}', version {version}, {_WHAT[kind]}:"


def _print_reasons(counted: Mapping[str, int]) -> None:
    if not counted:
        return
    print(f"  not asked: {sum(counted.values())}")
    for reason, number in sorted(counted.items(), key=lambda item: -item[1]):
        print(f"    {reason:<16} {number} {REASONS.get(reason, '')}".rstrip())


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    with Bar(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def watch(number: int, total: int) -> None:
            bar.update(task, advance=number, total=total or None)

        yield watch
