"""What a connection told, as it really comes in, is voided: here and for every connection."""

from datetime import timedelta

from email_hooks.events import EventKind
from prefcenter.domain.choices import Action, Source
from prefcenter.storage.origins import OfConnection, Span
from prefcenter.storage.verify import verify
from prefcenter.use_cases.void_entries import void
from tests.hooked import Hooked

DAY = timedelta(days=1)


async def void_all(hooks: Hooked) -> int:
    clock, number = hooks.site.clock, 0
    origin = OfConnection("main", Span(clock() - DAY, clock() + DAY))
    async for done in void(hooks.site.services, origin, "their test list", clock):
        number = done.counts.total()
    return number


async def levels(hooks: Hooked) -> set[tuple[str, bool, str]]:
    rows = await hooks.rows("SELECT scope, stopped, state FROM level")
    return {(scope, bool(stopped), state) for scope, stopped, state in rows}


async def test_the_yes_counts_again_and_the_connection_is_told_to_resume(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(EventKind.GROUP_UNSUBSCRIBED)
    assert await hooks.why_not("newsletter") == "withdrawn"
    assert ("stream:broadcast", True, "confirmed") in await levels(hooks)

    hooks.site.clock.pass_by(hours=1)
    assert await void_all(hooks) == 1

    assert await hooks.why_not("newsletter") == "consent"
    assert ("stream:broadcast", False, "pending") in await levels(hooks)
    services = hooks.site.services
    assert await verify(services.database, services.catalogs, services.vault) == []


async def test_a_stop_that_the_person_said_too_stays_here_and_there(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(EventKind.COMPLAINED)
    await hooks.site.said(Action.WITHDRAW, source=Source.PAGE)
    hooks.site.clock.pass_by(hours=1)
    assert await void_all(hooks) == 1
    assert await hooks.why_not("newsletter") == "withdrawn"
    assert all(stopped for _, stopped, _ in await levels(hooks))
