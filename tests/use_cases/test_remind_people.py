"""One reminder after silence; and notices, which need no answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.domain.choices import Action
from prefcenter.use_cases.refusals import Refused
from tests.use_cases.campaigns import BO, CY, EVENTS, MORE_OFFERS, NEW, PARTNER, Asked, path_in, to_of
from tests.web.site import ADA

NOTICE = CampaignKind.NOTICE

# --- reminders -----------------------------------------------------------------------------------------


async def test_one_reminder_after_two_weeks_of_silence_and_no_second_one(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.mailed()
    asked.clock.pass_by(days=14, seconds=-1)
    assert await asked.remind() == 0
    asked.clock.pass_by(seconds=1)
    assert await asked.remind() == 2
    mails = await asked.deliver()
    assert to_of(mails) == [ADA, BO]
    assert mails[0]["Subject"].startswith("Our question of the other day: May we change")
    assert await asked.remind() == 0
    asked.clock.pass_by(days=30)
    assert await asked.remind() == 0
    assert await asked.deliver() == []
    entries = await asked.entries(ADA, Action.ASK)
    assert [item.evidence["mail"] for item in entries] == ["ask", "remind"]


async def test_whoever_answered_or_stopped_is_not_reminded(asked: Asked) -> None:
    await asked.agree(CY)
    await asked.apply(PARTNER)
    mails = {str(mail["To"]): mail for mail in await asked.mailed()}
    await asked.answer(path_in(mails[ADA]), "no")
    await asked.site.said(Action.WITHDRAW, EVENTS, BO)
    asked.clock.pass_by(days=20)
    assert await asked.remind() == 1
    assert to_of(await asked.deliver()) == [CY]
    assert await asked.states(ADA, BO, CY) == ["no", "stopped", "asked"]


async def test_a_reminder_that_waits_is_dropped_when_the_answer_comes(asked: Asked) -> None:
    await asked.apply(PARTNER)
    mails = {str(mail["To"]): mail for mail in await asked.mailed()}
    asked.clock.pass_by(days=20)
    await asked.remind()
    await asked.answer(path_in(mails[ADA]), "later")
    assert to_of(await asked.deliver()) == [BO]


async def test_nobody_is_reminded_of_a_question_that_was_never_asked(asked: Asked) -> None:
    await asked.apply(PARTNER)
    with pytest.raises(Refused, match="ask first"):
        await asked.remind()


# --- notices -------------------------------------------------------------------------------------------


async def test_what_needs_no_yes_may_begin_30_days_after_the_notice(asked: Asked) -> None:
    await asked.is_customer()
    await asked.apply(MORE_OFFERS)
    assert (await asked.decide(ADA, "offers", version=2)).reason == "choice_pending"
    mails = await asked.mailed("offers", kind=NOTICE)
    assert to_of(mails) == [ADA]
    body = mails[0].get_body(("plain",))
    assert body is not None
    assert "begins on 23 December 2026 at the earliest" in body.get_content()
    assert "Say yes" not in body.get_content()
    [item] = await asked.entries(ADA, Action.NOTIFY)
    assert item.entry.version == 2 and item.evidence["wording"]
    asked.clock.pass_by(days=30, seconds=-1)
    assert (await asked.decide(ADA, "offers", version=2)).reason == "choice_pending"
    asked.clock.pass_by(seconds=1)
    assert (await asked.decide(ADA, "offers", version=2)).allowed
    assert await asked.mailed("offers", kind=NOTICE) == []


async def test_a_notice_waits_for_no_budget_and_costs_none(asked: Asked) -> None:
    await asked.is_customer()
    await asked.apply(MORE_OFFERS, PARTNER, NEW)
    assert len(await asked.mailed()) == 2
    assert len(await asked.mailed("offers", kind=NOTICE)) == 1
    asked.clock.now += timedelta(days=90)
    assert to_of(await asked.mailed("courses")) == [ADA, BO]
