"""What providers told takes effect: by the rules of a choice, once, and never as a yes."""

from datetime import timedelta
from typing import Any

import pytest

from email_hooks.events import EventKind, HookEvent, Origin
from prefcenter.domain.choices import Action, Source
from prefcenter.storage.hook_counts import counts, examples, put_back, soft_bounces
from prefcenter.storage.verify import verify
from prefcenter.use_cases.keep_hooks import keep_hooks
from tests.hooked import Hooked
from tests.web.site import ADA

UNSUBSCRIBED = EventKind.GROUP_UNSUBSCRIBED
RESUBSCRIBED = EventKind.GROUP_RESUBSCRIBED


async def test_a_stop_at_the_provider_stops_the_mapped_purpose_here(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.GIVE, "events")
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED)
    assert await hooks.why_not("newsletter") == "withdrawn"
    assert await hooks.why_not("events") == "consent"
    assert await hooks.states() == ["applied"]


async def test_a_stop_leaves_its_evidence_and_its_place_in_the_ledger(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, reason="ManualSuppression", campaign="news", origin=Origin.PERSON)
    ((first, last),) = await hooks.rows("SELECT first_seq, last_seq FROM hook_event")
    assert first == last == await hooks.site.head()
    prints, reader = hooks.site.prints(ADA), hooks.site.services.reader
    history = await reader.history([prints.wide], (await reader.people_at([prints]))[0].subject)
    assert history[-1].evidence == {
        "connection": "main",
        "provider": "postmark",
        "event": "told-1",
        "scope": "stream:broadcast",
        "reason": "ManualSuppression",
        "campaign": "news",
        "origin": "person",
    }


async def test_a_scope_that_nothing_is_mapped_to_stops_all_marketing(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, scope="stream:unheard-of")
    assert await hooks.why_not("newsletter") == "all_marketing_stopped"


async def test_a_scope_that_is_none_of_ours_stops_nothing(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, scope="stream:receipts")
    assert await hooks.why_not() == "consent"
    assert await hooks.states() == ["ignored"]


async def test_the_stop_of_an_address_that_nobody_knows_is_kept(hooks: Hooked) -> None:
    await hooks.told(UNSUBSCRIBED, "stranger@example.com", scope="stream:unheard-of")
    assert await hooks.why_not(address="stranger@example.com") == "all_marketing_stopped"
    assert await hooks.rows("SELECT id FROM contact_point") == []


async def test_a_late_report_does_not_undo_a_new_yes(hooks: Hooked) -> None:
    stopped_at = hooks.site.clock()
    hooks.site.clock.pass_by(minutes=6)
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, at=stopped_at)
    assert await hooks.why_not() == "consent"


async def test_a_report_within_the_slack_of_clocks_stops(hooks: Hooked) -> None:
    stopped_at = hooks.site.clock()
    hooks.site.clock.pass_by(minutes=4)
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, at=stopped_at)
    assert await hooks.why_not() == "withdrawn"


async def test_an_event_without_a_time_happened_when_it_was_received_not_when_it_is_applied(
    hooks: Hooked,
) -> None:
    site = hooks.site
    event = HookEvent("postmark", UNSUBSCRIBED, ADA, None, "no-time", scope="stream:broadcast")
    await keep_hooks(site.services, "main", [event], site.clock())
    site.clock.pass_by(hours=2)
    await site.said(Action.GIVE)
    site.clock.pass_by(hours=2)
    await hooks.heard()
    assert await hooks.why_not() == "consent"


async def test_a_complaint_holds_over_anything_and_never_ends_by_time(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.site.is_customer()
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(EventKind.COMPLAINED, scope="stream:receipts")
    for purpose in ("newsletter", "events", "offers"):
        assert await hooks.why_not(purpose) == "complained"
    hooks.site.clock.pass_by(days=3_650)
    assert await hooks.why_not() == "complained"


async def test_a_hard_bounce_stops_the_address_and_soft_ones_are_counted(hooks: Hooked) -> None:
    site = hooks.site
    await site.said(Action.GIVE)
    began = site.clock()
    site.clock.pass_by(hours=1)
    for _ in range(3):
        await hooks.told(EventKind.BOUNCED_SOFT)
    assert await hooks.why_not() == "consent"
    wide = site.prints(ADA).wide
    assert await soft_bounces(site.services.database, wide, began) == 3
    assert await soft_bounces(site.services.database, wide, site.clock() + timedelta(seconds=1)) == 0
    await hooks.told(EventKind.BOUNCED_HARD)
    assert await hooks.why_not() == "bounced"
    assert await hooks.why_not("account") == "bounced"
    assert await hooks.states() == ["counted"] * 3 + ["applied"]


async def test_resubscribing_there_opens_nothing_here_and_is_written_down(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(RESUBSCRIBED, origin=Origin.PERSON)
    assert await hooks.why_not() == "withdrawn"
    assert await hooks.states() == ["applied", "quarantined"]
    assert (await hooks.entries())[-1] == ("give", "provider", "newsletter", "none", "not_by_the_person")


async def test_resubscribing_to_everything_opens_nothing_either(hooks: Hooked) -> None:
    await hooks.site.said(Action.WITHDRAW)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(EventKind.RESUBSCRIBED, scope="all")
    assert (await hooks.entries())[-1][:2] == ("give", "provider")
    assert await hooks.why_not() == "withdrawn"


async def test_a_stranger_who_resubscribes_stays_one(hooks: Hooked) -> None:
    await hooks.told(RESUBSCRIBED, "stranger@example.com")
    assert await hooks.states() == ["quarantined"]
    assert await hooks.entries("stranger@example.com") == []


async def test_what_was_not_sent_is_no_news(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    before = await hooks.site.head()
    await hooks.told(EventKind.SUPPRESSED)
    await hooks.told(EventKind.CONTACT_DELETED)
    await hooks.told(EventKind.PREFERENCES_CHANGED, None)
    assert await hooks.site.head() == before
    assert await hooks.states() == ["drift", "noted", "noted"]


async def test_a_new_address_takes_stops_along_and_no_yes(hooks: Hooked) -> None:
    site, new = hooks.site, "ada@new.example.com"
    await site.said(Action.GIVE)
    await site.said(Action.GIVE, "events")
    await site.said(Action.WITHDRAW)
    site.clock.pass_by(days=1)
    await hooks.told(EventKind.ADDRESS_CHANGED, new_address=new)
    assert await hooks.why_not("newsletter", new) == "withdrawn"
    assert await hooks.why_not("events", new) == "never_asked"
    assert await hooks.why_not("events", ADA) == "consent"
    assert await hooks.states() == ["moved"]


async def test_a_stop_and_a_change_of_address_that_came_together_leave_both_addresses_stopped(
    hooks: Hooked,
) -> None:
    site, new = hooks.site, "ada@new.example.com"
    await site.said(Action.GIVE)
    site.clock.pass_by(days=1)
    stop = HookEvent(
        provider="postmark",
        kind=UNSUBSCRIBED,
        address=ADA,
        occurred_at=site.clock(),
        event_id="stop",
        scope="stream:broadcast",
    )
    move = stop._replace(kind=EventKind.ADDRESS_CHANGED, event_id="move", new_address=new)
    await keep_hooks(site.services, "main", [move, stop], site.clock())
    await hooks.heard()
    assert await hooks.why_not("newsletter", ADA) == "withdrawn"
    assert await hooks.why_not("newsletter", new) == "withdrawn"


async def test_what_is_stopped_here_is_stopped_there_again_where_somebody_resubscribed(
    hooks: Hooked,
) -> None:
    levels = "SELECT state, stopped, sealed IS NULL FROM level WHERE connection = 'main'"
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED)
    ((state, stopped, _),) = await hooks.rows(levels)
    assert (state, bool(stopped)) == ("confirmed", True)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(RESUBSCRIBED)
    ((state, stopped, has_no_address),) = await hooks.rows(levels)
    assert (state, bool(stopped), bool(has_no_address)) == ("pending", True, False)
    assert await hooks.why_not() == "withdrawn"


async def test_stops_that_go_along_leave_a_newer_yes_at_the_new_address(hooks: Hooked) -> None:
    site, new = hooks.site, "bo@example.com"
    await site.said(Action.WITHDRAW)
    site.clock.pass_by(days=1)
    await site.said(Action.GIVE, address=new)
    site.clock.pass_by(days=1)
    await hooks.told(EventKind.ADDRESS_CHANGED, new_address=new)
    assert await hooks.why_not(address=new) == "consent"


async def test_the_same_report_again_leaves_no_second_entry(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED)
    hooks.site.clock.pass_by(days=1)
    head = await hooks.site.head()
    await hooks.told(UNSUBSCRIBED)
    await hooks.told(UNSUBSCRIBED, connection="other")
    assert await hooks.site.head() == head
    assert await hooks.states() == ["applied"] * 3


async def test_a_stop_of_a_connection_that_the_file_lost_is_one_of_all_marketing(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    await hooks.told(UNSUBSCRIBED, connection="gone")
    assert await hooks.why_not() == "all_marketing_stopped"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"address": None}, "its address is missing, or is none"),
        ({"address": "no address"}, "its address is missing, or is none"),
        ({"problem": "no address, and no ID to ask for it"}, "no address, and no ID to ask for it"),
        ({"kind": EventKind.ADDRESS_CHANGED}, "the new address is missing, or is none"),
    ],
)
async def test_what_cannot_be_used_is_set_aside_with_its_reason(
    hooks: Hooked, more: dict[str, Any], reason: str
) -> None:
    await hooks.told(**{"kind": UNSUBSCRIBED, **more})
    assert await hooks.became() == [("aside", reason)]


async def test_what_was_set_aside_can_be_seen_and_put_back(hooks: Hooked) -> None:
    database, received = hooks.site.services.database, hooks.site.clock()
    await hooks.told(UNSUBSCRIBED, "no address")
    await hooks.told(UNSUBSCRIBED)
    found = [(one.connection, one.state, one.number, one.oldest) for one in await counts(database)]
    assert found == [("main", "applied", 1, received), ("main", "aside", 1, received)]
    (example,) = await examples(database, "main", "aside")
    assert (example.kind, example.reason) == (UNSUBSCRIBED, "its address is missing, or is none")
    assert await put_back(database, "other", hooks.site.clock()) == 0
    assert await put_back(database, "main", hooks.site.clock()) == 1
    assert await hooks.states() == ["received", "applied"]
    await hooks.heard()
    assert await hooks.states() == ["aside", "applied"]


async def test_the_ledger_still_folds_to_what_stands(hooks: Hooked) -> None:
    services = hooks.site.services
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    for kind in EventKind:
        await hooks.told(kind, new_address="ada@new.example.com", scope="all")
    assert await verify(services.database, services.catalogs, services.vault) == []
    assert Source.PROVIDER in {source for _, source, *_ in await hooks.entries()}
