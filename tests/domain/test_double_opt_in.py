"""A request that was answered since: a mail asks for it no more, and a page confirms what is still wanted."""

from datetime import timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Cause, Effect, Entry, Source, Status
from prefcenter.domain.double_opt_in import still_waits, taken_back
from prefcenter.domain.standing import Standing, Stop
from tests.domain.cases import ADA, CATALOG, NOW

NEWSLETTER = CATALOG["newsletter"]
DAY = timedelta(days=1)
REQUEST = Entry(
    5,
    "e5",
    "ada",
    ADA,
    "email",
    "newsletter",
    Action.REQUEST,
    Source.FORM,
    None,
    Effect.PENDING,
    "needs_confirmation",
    NOW,
    NOW,
    2,
)
WAITING = Standing("ada", "newsletter", "email", Status.REQUESTED, None, "e5", NOW, NOW)


def stop(seq: int, cause: Cause = Cause.WITHDRAWN, purpose: str = "newsletter") -> Stop:
    return Stop(ADA, "email", purpose, cause, Source.PAGE, seq, f"e{seq}", NOW, NOW)


def given(seq: int, **more: Any) -> Standing:
    return WAITING._replace(status=Status.GIVEN, seq=seq, entry=f"e{seq}", **more)


@pytest.mark.parametrize(
    ("stops", "held", "mailed", "no"),
    [
        ([], WAITING, True, False),
        ([stop(4)], WAITING, True, False),
        ([stop(6)], WAITING, False, True),
        ([stop(6, purpose="digest")], WAITING, True, False),
        ([stop(6, Cause.ALL_MARKETING, "*")], WAITING, False, True),
        ([stop(6, Cause.BOUNCED, "*")], WAITING, False, False),
        ([], WAITING._replace(entry="e9"), False, False),
        ([], given(7), False, False),
        ([stop(6)], given(7), False, False),
        ([stop(8)], given(7), False, True),
        ([stop(8)], given(7)._replace(status=Status.WITHDRAWN), False, True),
        ([], given(3), True, False),
        ([], given(3, declined=2, said_at=NOW + DAY), False, True),
        ([], given(3, declined=3, said_at=NOW + DAY), True, False),
        ([], given(3, declined=2, said_at=NOW - DAY), True, False),
        ([], None, False, False),
    ],
    ids=[
        "waits",
        "stopped before",
        "stopped since",
        "something else stopped",
        "all marketing stopped",
        "bounced",
        "asked again",
        "given since",
        "stopped and given again",
        "given and stopped again",
        "withdrawn since",
        "a yes to less stands",
        "declined since",
        "a later version declined",
        "declined before",
        "forgotten",
    ],
)
def test_a_request_is_open_until_it_is_answered(
    stops: list[Stop], held: Standing | None, mailed: bool, no: bool
) -> None:
    assert still_waits(REQUEST, NEWSLETTER, stops, held) is mailed
    assert taken_back(REQUEST, NEWSLETTER, stops, held) is no
