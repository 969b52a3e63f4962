"""Ten thousand random histories, each answered as the oracle answers it; and what nobody's silence may do."""

from datetime import timedelta

import pytest

from prefcenter.domain.choices import STOPS, YES, Action, Effect
from prefcenter.domain.decide import Decision
from tests.domain.histories import ADA, History
from tests.storage.commands import Command

TO_OBJECT = timedelta(days=30)
#: Only notice and a pause may lead to a yes later on: the one after 30 days, the other as it ends.
TAKE_AWAY = STOPS | {Action.DECLINE, Action.ASK, Action.REQUEST, Action.EXPIRE}


@pytest.mark.parametrize("hundred", range(100))
def test_a_history_is_answered_as_the_oracle_answers_it(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        try:
            History(seed).run()
        except Exception as error:
            pytest.fail(f"history {seed}: {error!r}")


class Watched(History):
    """Compares the answers before and after each thing that is said, now and at every moment to come."""

    def say(self, command: Command) -> None:
        world = self.world
        before, moments = world.known(ADA), {world.now, *world.edges(self.focus, ADA)}
        said = len(world.oracle.history)
        super().say(command)
        if len(world.oracle.history) == said:
            return
        line, after = world.oracle.history[-1], world.known(ADA)
        for moment in moments | world.edges(self.focus, ADA):
            for place in self.focus:
                was, now = (world.decision(known, *place, moment) for known in (before, after))
                silent = line.action in TAKE_AWAY or line.effect is not Effect.APPLIED
                early = line.action is Action.NOTIFY and moment < line.time + TO_OBJECT
                # Said of a yes that is not over, its end leaves what needs no yes, of whichever version.
                over = line.action is not Action.EXPIRE or was.reason != "consent"
                if (silent or early) and over:
                    assert not gained(was, now), (line, place, str(moment), was, now)
                if line.action not in YES | {Action.INVALIDATE} and was.reason == now.reason == "consent":
                    assert now.version is not None and now.version <= (was.version or 0), (line, was, now)
                if line.action is Action.EXPIRE and was.reason == "expired" and moment == world.now:
                    assert (now.allowed, now.reason) == (False, "expired"), (line, was, now)


def gained(was: Decision, now: Decision) -> bool:
    """Whether more may be sent than before: at all, or of a newer version."""
    return now.allowed and (not was.allowed or (now.version or 0) > (was.version or 0))


@pytest.mark.parametrize("hundred", range(20))
def test_nothing_but_a_yes_or_notice_in_time_lets_more_be_sent(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        try:
            Watched(seed).run()
        except Exception as error:
            pytest.fail(f"history {seed}: {error!r}")
