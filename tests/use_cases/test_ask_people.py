"""A campaign: who is asked, when, how often, and what the ledger has of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from prefcenter.domain.campaign_words import CampaignKind, NotAsked
from prefcenter.domain.choices import Action
from prefcenter.domain.purposes import ANY
from prefcenter.mail.errors import SendError
from prefcenter.mail.message import compose
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.storage.campaigns import DONE, RUNNING, CampaignBusy
from prefcenter.storage.mail_queue import ClaimedMail, MailQueue
from prefcenter.use_cases import ask_people as asking
from prefcenter.use_cases.ask_people import count_askable, purpose_to_ask
from prefcenter.use_cases.campaign_mail import CAMPAIGN_MAILS
from prefcenter.use_cases.refusals import Refused
from tests.use_cases.campaigns import (
    BO,
    CY,
    EVENTS,
    NEW,
    PARTNER,
    PURCHASES,
    Asked,
    to_of,
)
from tests.web.asking import problems
from tests.web.site import ADA

NOTICE = CampaignKind.NOTICE
MANY = [f"person{number}@example.com" for number in range(12)]


async def test_everybody_who_agreed_to_less_is_asked_by_a_mail_of_what_they_get(asked: Asked) -> None:
    await asked.apply(PARTNER)
    mails = await asked.mailed()
    assert to_of(mails) == [ADA, BO]
    for mail in mails:
        assert mail["Subject"] == "May we change “Invitations”?"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["List-ID"].startswith('"Invitations" <events.')
    progress = await asked.progress()
    assert (progress.asked, progress.silent, progress.queued, progress.yes) == (2, 2, 0, 0)
    assert progress.campaign.state == DONE


async def test_a_third_party_that_is_added_gets_nothing_from_who_has_not_said_yes(asked: Asked) -> None:
    await asked.apply(PARTNER)
    to_partner = await asked.decide(ADA, recipient="partner-inc")
    assert (to_partner.allowed, to_partner.reason) == (False, "choice_pending")
    await asked.mailed()
    assert (await asked.decide(ADA, recipient="partner-inc")).reason == "choice_pending"
    held = await asked.decide(ADA)
    assert (held.allowed, held.version, held.pending_version) == (True, 1, 2), "silence changes nothing"


async def test_the_ledger_says_who_was_asked_in_which_words_by_which_mail(asked: Asked) -> None:
    await asked.apply(PARTNER)
    [mail, _] = await asked.mailed()
    [item] = await asked.entries(str(mail["To"]), Action.ASK)
    assert (item.entry.version, item.entry.recorded_at) == (2, asked.clock())
    evidence = item.evidence
    campaign = (await asked.progress()).campaign
    assert (evidence["campaign"], evidence["carrier"], evidence["language"]) == (campaign.id, EVENTS, "en")
    [(digest,)] = await asked.rows("SELECT digest FROM mail WHERE about = $1", await _id(asked, mail["To"]))
    assert evidence["mail_sha256"] == bytes(digest).hex()
    wording = (await asked.site.services.reader.wordings([evidence["wording"]]))[evidence["wording"]]
    body = mail.get_body(("plain",))
    assert body is not None
    sent, kept = body.get_content().splitlines(), wording.splitlines()
    own = [line for line, words in zip(sent, kept, strict=True) if line != words]
    assert len(own) == 3 and all(line.startswith("http") for line in own), "all but the links of their own"
    assert await problems(asked.site) == []


async def _id(asked: Asked, address: object) -> str:
    return (await asked.askings(str(address)))[0].id


async def test_a_wholly_new_purpose_is_asked_about_as_what_they_get_already(asked: Asked) -> None:
    await asked.apply(NEW)
    mails = await asked.mailed("courses")
    assert to_of(mails) == [ADA, BO]
    assert mails[0]["Subject"] == "May we start “Courses”?"
    assert mails[0]["List-ID"].startswith('"Invitations" <events.')
    assert (await asked.decide(ADA, "courses")).reason == "requested"


async def test_nobody_is_asked_twice_by_running_it_again(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    await asked.ask()
    assert len(await asked.deliver()) == 2
    assert await asked.mailed() == []
    asked.clock.pass_by(days=100)
    assert await asked.mailed() == []
    assert (await asked.progress()).not_askable == {}


async def test_a_second_run_asks_who_became_askable_since(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.agree(CY, purpose="newsletter")
    await asked.mailed()
    await asked.agree("di@example.com")
    assert await asked.mailed() == [], "who says yes now says it to what is now"
    progress = await asked.progress()
    assert progress.not_askable == {NotAsked.ANSWERED: 1}
    assert (await asked.states(CY)) == ["asked"], "the newsletter carries a question about invitations"


async def test_a_stop_between_the_queue_and_the_mail_server_is_obeyed(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    await asked.site.said(Action.OBJECT, ANY, ADA)
    assert to_of(await asked.deliver()) == [BO]
    assert await asked.states(ADA, BO) == ["stopped", "asked"]
    progress = await asked.progress()
    assert (progress.asked, progress.not_askable) == (1, {"stopped": 1})
    assert await asked.entries(ADA, Action.ASK) == []


async def test_the_carrier_is_looked_for_again_as_the_mail_goes_out(asked: Asked) -> None:
    await asked.apply(NEW)
    await asked.agree(ADA, purpose="newsletter")
    await asked.ask("courses")
    assert [one.carrier for one in await asked.askings(ADA)] == ["newsletter"]
    await asked.site.said(Action.WITHDRAW, "newsletter", ADA)
    mails = {str(mail["To"]): mail for mail in await asked.deliver()}
    assert mails[ADA]["List-ID"].startswith('"Invitations" <events.')
    [item] = await asked.entries(ADA, Action.ASK)
    assert item.evidence["carrier"] == EVENTS


async def test_whoever_may_not_be_mailed_any_more_is_dropped_with_the_reason(asked: Asked) -> None:
    await asked.apply(NEW)
    await asked.ask("courses")
    await asked.site.said(Action.WITHDRAW, EVENTS, ADA)
    await asked.site.said(Action.GIVE, "courses", BO)
    assert await asked.deliver() == []
    assert await asked.states(ADA, BO) == ["no_live_purpose", "answered"]


async def test_a_newer_version_takes_the_place_of_the_question_that_waits(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    await asked.apply(PURCHASES)
    assert await asked.deliver() == []
    assert await asked.states(ADA) == ["superseded"]
    mails = await asked.mailed()
    assert to_of(mails) == [ADA, BO]
    body = mails[0].get_body(("plain",))
    assert body is not None
    assert "Partner Inc (new)" in body.get_content() and "purchases (new)" in body.get_content()


async def test_one_ask_in_90_days_over_two_campaigns(asked: Asked) -> None:
    await asked.apply(PARTNER, NEW)
    assert len(await asked.mailed()) == 2
    asked.clock.pass_by(days=90, seconds=-1)
    assert await asked.mailed("courses") == []
    assert (await asked.progress("courses")).not_askable == {"asked_recently": 2}
    asked.clock.pass_by(seconds=1)
    assert len(await asked.mailed("courses")) == 2


async def test_two_campaigns_that_did_not_see_each_other_ask_a_person_once(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked.apply(PARTNER, NEW)
    meanwhile(asked, monkeypatch, EVENTS)
    await asked.ask("courses")
    assert to_of(await asked.deliver()) == [ADA, BO]
    both = [await asked.progress(key) for key in (EVENTS, "courses")]
    assert sum(one.asked for one in both) == 2
    assert sum(one.not_askable.get("asked_recently", 0) for one in both) == 2


def meanwhile(asked: Asked, monkeypatch: pytest.MonkeyPatch, purpose: str) -> None:
    """Another process asks about a purpose, between the look and the commit of the first chunk."""
    look = asking._look
    came = False

    async def late(*arguments: Any) -> Any:
        nonlocal came
        looked = await look(*arguments)
        if not came:
            came = True
            await asked.ask(purpose)
            asked.clock.pass_by(seconds=1)
        return looked

    monkeypatch.setattr(asking, "_look", late)


async def test_mails_go_out_no_faster_than_they_may(asked: Asked) -> None:
    await asked.agree(*MANY)
    await asked.apply(PARTNER)
    await asked.ask(per_minute=6)
    sent = [len(await asked.deliver(seconds=10)) for _ in range(5)]
    assert sent == [2, 1, 1, 1, 1], "the first at once, then one every ten seconds"
    progress = await asked.progress()
    assert (progress.asked, progress.queued, progress.campaign.per_minute) == (6, 8, 6)


async def test_a_walk_that_goes_on_keeps_the_pace(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CHUNK", 5)
    await asked.agree(*MANY)
    await asked.apply(PARTNER)
    with pytest.raises(KeyboardInterrupt):
        await asked.ask(per_minute=6, watch=breaks)
    asked.clock.pass_by(seconds=1)
    await asked.ask()
    slots = [at for (at,) in await asked.rows("SELECT next_at FROM mail ORDER BY next_at")]
    assert {later - earlier for earlier, later in pairwise(slots)} == {10_000_000}


def breaks(number: int, total: int) -> None:
    raise KeyboardInterrupt


async def test_a_walk_that_broke_off_goes_on_where_it_was(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "CHUNK", 5)
    await asked.agree(*MANY)
    await asked.apply(PARTNER)

    with pytest.raises(KeyboardInterrupt):
        await asked.ask(watch=breaks)
    before = await asked.progress()
    assert (before.queued, before.campaign.state) == (5, RUNNING)
    seen: list[tuple[int, int]] = []
    await asked.ask(watch=lambda number, total: seen.append((number, total)))
    assert seen == [(5, 9), (4, 9)], "only those that are left"
    assert to_of(await asked.deliver(seconds=5)) == sorted([ADA, BO, *MANY])
    assert (await asked.progress()).asked == 14


async def test_two_processes_on_one_campaign_ask_nobody_twice(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "CHUNK", 5)
    await asked.agree(*MANY)
    await asked.apply(PARTNER)
    meanwhile(asked, monkeypatch, EVENTS)
    with pytest.raises(CampaignBusy):
        await asked.ask()
    assert to_of(await asked.deliver(seconds=5)) == sorted([ADA, BO, *MANY])


async def test_a_dry_run_counts_and_writes_nothing(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.agree(CY)
    await asked.site.said(Action.WITHDRAW, EVENTS, BO)
    services = asked.site.services
    purpose = purpose_to_ask(services, EVENTS)
    counted = await count_askable(
        services, purpose, CampaignKind.ASK, now=asked.clock(), watch=lambda number, total: None
    )
    assert counted == {"ask": 1, "answered": 1, "stopped": 1}
    assert await asked.rows("SELECT count(*) FROM campaign") == [(0,)]
    assert await asked.rows("SELECT count(*) FROM mail") == [(0,)]


@pytest.mark.parametrize("key", ["account", "nothing"])
async def test_nobody_is_asked_about_a_contract_or_about_nothing(asked: Asked, key: str) -> None:
    with pytest.raises(Refused):
        purpose_to_ask(asked.site.services, key)


# --- the mail server -----------------------------------------------------------------------------------


async def claimed(asked: Asked) -> ClaimedMail:
    """The first mail that is due, as a worker takes it."""
    [mail] = await MailQueue(asked.site.services.database).claim(asked.clock(), 1)
    return mail


async def test_a_mail_that_is_tried_again_is_the_same_mail(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    services, templates = asked.site.services, Templates([shipped_templates()])
    mail = await claimed(asked)
    made = []
    for _ in range(2):
        outgoing = await CAMPAIGN_MAILS["ask"].compose(services, templates, mail, asked.clock())
        assert outgoing is not None
        made.append(compose(outgoing).as_bytes())
        asked.clock.pass_by(minutes=30)
    assert made[0] == made[1]


async def test_whoever_was_asked_just_before_a_crash_is_not_recorded_or_mailed_twice(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    services, templates = asked.site.services, Templates([shipped_templates()])
    mail = await claimed(asked)
    after_sent = CAMPAIGN_MAILS["ask"].after_sent
    assert after_sent is not None
    for _ in range(2):
        await after_sent(services, mail, b"digest", asked.clock())
    assert await asked.rows("SELECT count(*) FROM ledger WHERE action = 'ask'") == [(1,)]
    assert await CAMPAIGN_MAILS["ask"].compose(services, templates, mail, asked.clock()) is None


async def test_nobody_counts_as_asked_before_the_mail_server_took_the_mail(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.ask()
    asked.post.sender.fail_next(SendError("busy", permanent=False))
    assert len(await asked.deliver()) == 1
    progress = await asked.progress()
    assert (progress.asked, progress.queued) == (1, 1)
    assert len(await asked.deliver(minutes=2)) == 1
    assert (await asked.progress()).asked == 2
