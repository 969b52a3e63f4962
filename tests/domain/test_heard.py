"""What the word of a provider means: the table by kind of event."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from email_hooks.events import EventKind
from prefcenter.domain.choices import Action, Cause, Source
from prefcenter.domain.heard import (
    MAY_ECHO,
    OUT_OF_REACH,
    POISONED,
    Became,
    Meaning,
    Report,
    meaning_of,
    next_try,
)
from prefcenter.domain.purposes import ANY
from prefcenter.domain.scopes import reach_of
from prefcenter.domain.standing import Stop
from tests.domain.world import Catalog

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REACH = reach_of(
    "main",
    {"newsletter": "group:1", "offers": "group:2", ANY: "all"},
    has_all=True,
    ignored=frozenset({"group:9"}),
)
FIND = Catalog().find


def meaning(kind: EventKind, scope: str | None = "group:1", **more: Any) -> Meaning:
    return meaning_of(Report(kind, scope, AT)._replace(**more), REACH, FIND)


def said(meaning: Meaning) -> list[tuple[str, str, str]]:
    return [(choice.action.value, choice.purpose, choice.channel) for choice in meaning.choices]


#: Kind, scope, what becomes of it, what is recorded.
TABLE = [
    (EventKind.UNSUBSCRIBED, "all", "applied", [("object", ANY, ANY)]),
    (EventKind.UNSUBSCRIBED, None, "applied", [("object", ANY, ANY)]),
    (EventKind.UNSUBSCRIBED, "group:1", "applied", [("withdraw", "newsletter", "email")]),
    (EventKind.GROUP_UNSUBSCRIBED, "group:1", "applied", [("withdraw", "newsletter", "email")]),
    (EventKind.GROUP_UNSUBSCRIBED, "group:2", "applied", [("object", "offers", "email")]),
    (EventKind.GROUP_UNSUBSCRIBED, "group:404", "applied", [("object", ANY, ANY)]),
    (EventKind.GROUP_UNSUBSCRIBED, "group:9", "ignored", []),
    (EventKind.RESUBSCRIBED, "all", "quarantined", [("give", ANY, ANY)]),
    (EventKind.GROUP_RESUBSCRIBED, "group:1", "quarantined", [("give", "newsletter", "email")]),
    (EventKind.GROUP_RESUBSCRIBED, "group:9", "ignored", []),
    (EventKind.COMPLAINED, "group:1", "applied", [("complain", ANY, ANY)]),
    (EventKind.COMPLAINED, "group:9", "applied", [("complain", ANY, ANY)]),
    (EventKind.BOUNCED_HARD, "group:1", "applied", [("bounce", ANY, "email")]),
    (EventKind.BOUNCED_HARD, "group:9", "applied", [("bounce", ANY, "email")]),
    (EventKind.BOUNCED_SOFT, "group:1", "counted", []),
    (EventKind.SUPPRESSED, "group:1", "drift", []),
    (EventKind.PREFERENCES_CHANGED, None, "noted", []),
    (EventKind.ADDRESS_CHANGED, None, "moved", []),
    (EventKind.CONTACT_DELETED, None, "noted", []),
    (EventKind.IGNORED, None, "ignored", []),
]


@pytest.mark.parametrize(("kind", "scope", "became", "choices"), TABLE)
def test_each_kind_of_event_means_what_the_table_says(
    kind: EventKind, scope: str | None, became: str, choices: list[tuple[str, str, str]]
) -> None:
    found = meaning(kind, scope)
    assert found.became == became
    assert said(found) == choices
    assert all(choice.source is Source.PROVIDER and choice.stated_at == AT for choice in found.choices)


def test_the_table_has_every_kind() -> None:
    assert {kind for kind, *_ in TABLE} == set(EventKind)


@pytest.mark.parametrize("kind", EventKind)
def test_only_a_stop_or_its_end_can_be_an_echo(kind: EventKind) -> None:
    became = meaning(kind, is_echo=True).became
    assert (became is Became.ECHO) == (kind in MAY_ECHO)


@pytest.mark.parametrize("kind", EventKind)
def test_no_event_says_yes_with_an_effect(kind: EventKind) -> None:
    for choice in meaning(kind).choices:
        assert choice.action is not Action.GIVE or choice.source is Source.PROVIDER


def stop(cause: Cause, purpose: str = ANY, channel: str = ANY) -> Stop:
    at = AT - timedelta(days=30)
    return Stop(b"w", channel, purpose, cause, Source.PAGE, 7, "e", at, at)


def test_stops_go_along_to_a_new_address_as_old_as_they_are_but_for_bounces() -> None:
    stops = [
        stop(Cause.WITHDRAWN, "newsletter", "email"),
        stop(Cause.OBJECTED, "offers"),
        stop(Cause.COMPLAINED),
        stop(Cause.BOUNCED, channel="email"),
    ]
    found = meaning(EventKind.ADDRESS_CHANGED, stops=stops)
    assert said(found) == [
        ("withdraw", "newsletter", "email"),
        ("object", "offers", ANY),
        ("complain", ANY, ANY),
    ]
    assert {choice.stated_at for choice in found.choices} == {AT - timedelta(days=30)}


def test_an_erased_person_is_not_erased_again_on_a_providers_word() -> None:
    found = meaning(EventKind.ADDRESS_CHANGED, stops=[stop(Cause.ERASED), stop(Cause.ALL_MARKETING)])
    assert said(found) == [("object", ANY, ANY)]


@pytest.mark.parametrize("schedule", [OUT_OF_REACH, POISONED])
def test_an_event_is_tried_again_later_and_later_and_then_set_aside(schedule: tuple[int, ...]) -> None:
    times = [next_try(number, schedule, AT) for number in range(1, len(schedule) + 2)]
    assert times[-1] is None
    waits = [at - AT for at in times if at is not None]
    assert waits == sorted(waits)
    assert len(waits) == len(schedule)


def test_the_providers_wish_to_be_left_alone_counts_for_a_day_at_most() -> None:
    assert next_try(1, OUT_OF_REACH, AT, 900) == AT + timedelta(minutes=15)
    assert next_try(1, OUT_OF_REACH, AT, 1e12) == AT + timedelta(days=1)
