"""`/n/`: what each answer to a question does, and that minds are changed as easily as they were made up."""

from __future__ import annotations

import pytest

from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.domain.choices import Action, Effect
from prefcenter.domain.purposes import ANY
from tests.use_cases.campaigns import (
    BO,
    EVENTS,
    FIELD,
    MORE_OFFERS,
    NEW,
    PARTNER,
    PURCHASES,
    Asked,
    on_a_page,
    path_in,
    question_in_the_mail,
    texts,
)
from tests.web.asking import confirm, link_of, problems
from tests.web.site import ADA

NOTICE = CampaignKind.NOTICE


async def confirm_by_mail(asked: Asked) -> None:
    """Follow the link that was mailed just now, and press its button."""
    [mail] = await asked.deliver()
    await confirm(asked.site, link_of(mail))


# --- what is shown -------------------------------------------------------------------------------------


async def test_the_page_shows_both_uses_and_what_changes_in_words(asked: Asked, path: str) -> None:
    page = texts(await asked.open(path))
    assert "May we change “Invitations”?" in page
    assert "Your data would also go to Partner Inc." in page
    assert "New Partner Inc" in page and "nobody" in page
    assert "what you have agreed to before goes on as it is" in page
    assert "Silence is no yes" in page
    assert "a•••@example.com" in page and ADA not in page


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing(asked: Asked, path: str, method: str) -> None:
    head = await asked.site.head()
    for query in ("", "?answer=yes", "?answer=no"):
        response = await asked.site.client.request(method, path + query)
        assert response.status_code == 200
    assert await asked.site.head() == head
    assert await asked.states(ADA) == ["asked"]


async def test_a_form_without_an_answer_shows_the_question_again(asked: Asked, path: str) -> None:
    head = await asked.site.head()
    response = await asked.site.client.post(path, data={"answer": "perhaps"})
    assert response.status_code == 200 and "May we change" in response.text
    assert await asked.site.head() == head


# --- yes, no, not now ----------------------------------------------------------------------------------


async def test_yes_lets_the_third_party_have_it(asked: Asked, path: str) -> None:
    page = texts(await asked.answer(path, "yes"))
    assert "You said yes" in page and "No, do not change it" in page
    decision = await asked.decide(ADA, recipient="partner-inc")
    assert (decision.allowed, decision.version, decision.proof) == (True, 2, "link")
    assert (await asked.decide(BO, recipient="partner-inc")).reason == "choice_pending"
    [item] = [one for one in await asked.entries(ADA, Action.GIVE) if one.entry.source == "choice_link"]
    assert (item.entry.version, item.entry.effect) == (2, Effect.APPLIED)
    assert item.evidence["campaign"] == (await asked.progress()).campaign.id
    assert item.evidence["language"] == "en"
    wording = (await asked.site.services.reader.wordings([item.evidence["wording"]])).popitem()[1]
    assert "Partner Inc (new)" in wording and wording.strip().endswith("Yes, change it like this")
    assert (await asked.progress()).yes == 1
    assert await problems(asked.site) == []


async def test_no_keeps_what_was_agreed_to_before(asked: Asked, path: str) -> None:
    page = texts(await asked.answer(path, "no"))
    assert "You said no" in page and "Everything stays as it was" in page
    decision = await asked.decide(ADA)
    assert (decision.allowed, decision.version, decision.pending_version) == (True, 1, 2)
    assert (await asked.decide(ADA, recipient="partner-inc")).reason == "choice_pending"
    [item] = await asked.entries(ADA, Action.DECLINE)
    assert item.entry.version == 2 and item.evidence["wording"]
    assert await asked.states(ADA) == ["no"]


async def test_a_refusal_is_final_for_that_version_and_a_newer_one_asks_again(
    asked: Asked, path: str
) -> None:
    await asked.answer(path, "no")
    asked.clock.pass_by(days=800)
    assert ADA not in [str(mail["To"]) for mail in await asked.mailed()]
    await asked.apply(PURCHASES)
    asked.clock.pass_by(days=100)
    mails = {str(mail["To"]): mail for mail in await asked.mailed()}
    body = mails[ADA].get_body(("plain",))
    assert body is not None
    assert "Partner Inc (new)" in body.get_content(), "they never agreed to that"
    await asked.answer(path_in(mails[ADA]), "no")
    decision = await asked.decide(ADA)
    assert (decision.allowed, decision.version) == (True, 1)
    asked.clock.pass_by(days=800)
    assert ADA not in [str(mail["To"]) for mail in await asked.mailed()]


async def test_no_to_something_new_is_a_refusal(asked: Asked) -> None:
    await asked.apply(NEW)
    path = await question_in_the_mail(asked, purpose="courses")
    assert "You do not get “Courses”" in texts(await asked.answer(path, "no"))
    assert (await asked.decide(ADA, "courses")).reason == "refused"
    assert (await asked.decide(ADA)).allowed, "the rest goes on"


async def test_not_now_rests_for_twelve_months(asked: Asked, path: str) -> None:
    page = texts(await asked.answer(path, "later"))
    assert "Nothing is decided yet" in page and "12 months" in page
    assert (await asked.decide(ADA)).allowed
    assert await asked.states(ADA) == ["later"]
    asked.clock.pass_by(days=364)
    assert ADA not in [str(mail["To"]) for mail in await asked.mailed()]
    asked.clock.pass_by(days=2)
    assert ADA in [str(mail["To"]) for mail in await asked.mailed()]


async def test_a_form_that_says_both_says_no(asked: Asked, path: str) -> None:
    shown = dict(FIELD.findall(await asked.open(path)))
    await asked.site.client.post(path, data={**shown, "answer": ["yes", "no"]})
    assert (await asked.decide(ADA)).version == 1
    assert await asked.states(ADA) == ["no"]


# --- other answers later -------------------------------------------------------------------------------


async def test_no_after_yes_goes_back_to_what_was_agreed_to_before(asked: Asked, path: str) -> None:
    await asked.answer(path, "yes")
    page = texts(await asked.answer(path, "no"))
    assert "Everything stays as it was" in page
    decision = await asked.decide(ADA)
    assert (decision.allowed, decision.version) == (True, 1)
    assert not (await asked.decide(ADA, recipient="partner-inc")).allowed
    assert await asked.states(ADA) == ["no"]
    assert await problems(asked.site) == []


async def test_no_after_yes_goes_back_over_versions_that_were_never_agreed_to(asked: Asked) -> None:
    await asked.apply(PARTNER)
    await asked.apply(PURCHASES)
    path = await question_in_the_mail(asked)
    await asked.answer(path, "yes")
    assert (await asked.decide(ADA)).version == 3
    await asked.answer(path, "no")
    assert (await asked.decide(ADA)).version == 1


async def test_no_after_a_yes_to_something_new_takes_it_back(asked: Asked) -> None:
    await asked.apply(NEW)
    path = await question_in_the_mail(asked, purpose="courses")
    await asked.answer(path, "yes")
    assert (await asked.decide(ADA, "courses")).allowed
    await asked.answer(path, "no")
    assert (await asked.decide(ADA, "courses")).reason == "withdrawn"


async def test_yes_after_no_counts(asked: Asked, path: str) -> None:
    await asked.answer(path, "no")
    await asked.answer(path, "yes")
    assert (await asked.decide(ADA, recipient="partner-inc")).allowed
    assert await asked.states(ADA) == ["yes"]


async def test_not_now_after_yes_changes_nothing(asked: Asked, path: str) -> None:
    opened_before = await asked.open(path)
    await asked.answer(path, "yes")
    page = texts(await asked.answer(path, "later", opened_before))
    assert "Nothing was changed" in page
    assert (await asked.decide(ADA, recipient="partner-inc")).allowed
    assert await asked.states(ADA) == ["yes"]


async def test_a_stop_after_the_page_was_opened_holds(asked: Asked, path: str) -> None:
    shown = await asked.open(path)
    await asked.site.said(Action.WITHDRAW, EVENTS, ADA)
    page = texts(await asked.answer(path, "yes", shown))
    assert not (await asked.decide(ADA)).allowed
    assert "Nothing was recorded" in page or "the stop holds" in page


async def test_a_yes_over_a_stop_of_everything_waits_for_the_mailbox(asked: Asked, path: str) -> None:
    await asked.site.said(Action.OBJECT, ANY, ADA)
    assert "One more step" in texts(await asked.answer(path, "yes"))
    assert (await asked.decide(ADA)).reason == "all_marketing_stopped"
    await confirm_by_mail(asked)
    decision = await asked.decide(ADA, recipient="partner-inc")
    assert (decision.allowed, decision.version, decision.proof) == (True, 2, "confirmed")


async def test_with_double_opt_in_the_old_use_goes_on_until_the_new_one_is_confirmed(asked: Asked) -> None:
    await asked.agree(ADA, purpose="newsletter")
    await asked.apply(
        ("newsletter", "double_opt_in = true ", 'recipients = ["partner-inc"]\ndouble_opt_in = true ')
    )
    path = await question_in_the_mail(asked, purpose="newsletter")
    page = texts(await asked.answer(path, "yes"))
    assert "One more step" in page and "Until you confirm it there, everything stays as it is" in page
    held = await asked.decide(ADA, "newsletter")
    assert (held.allowed, held.version) == (True, 1)
    await confirm_by_mail(asked)
    decision = await asked.decide(ADA, "newsletter", recipient="partner-inc")
    assert (decision.allowed, decision.version) == (True, 2)


async def test_a_no_before_the_confirmation_is_mailed_calls_it_off(asked: Asked) -> None:
    await asked.agree(ADA, purpose="newsletter")
    await asked.apply(
        ("newsletter", "double_opt_in = true ", 'recipients = ["partner-inc"]\ndouble_opt_in = true ')
    )
    path = await question_in_the_mail(asked, purpose="newsletter")
    await asked.answer(path, "yes")
    asked.clock.pass_by(seconds=1)
    await asked.answer(path, "no")
    assert await asked.deliver() == []
    assert (await asked.decide(ADA, "newsletter")).version == 1


# --- notices -------------------------------------------------------------------------------------------


async def test_having_read_a_notice_is_no_yes(asked: Asked) -> None:
    await asked.is_customer()
    await asked.apply(MORE_OFFERS)
    path = await question_in_the_mail(asked, purpose="offers", kind=NOTICE)
    page = await asked.open(path)
    assert "OK, I have read this" in page and "No, do not change it" in page
    assert 'value="yes"' not in page
    head = await asked.site.head()
    assert "This is no yes" in texts(await asked.answer(path, "seen"))
    assert await asked.site.head() == head
    assert (await asked.decide(ADA, "offers", version=2)).reason == "choice_pending"
    assert await asked.states(ADA) == ["seen"]


async def test_no_to_a_change_of_offers_keeps_the_offers(asked: Asked) -> None:
    await asked.is_customer()
    await asked.apply(MORE_OFFERS)
    path = await question_in_the_mail(asked, purpose="offers", kind=NOTICE)
    assert "Everything stays as it was" in texts(await asked.answer(path, "no"))
    asked.clock.pass_by(days=60)
    held = await asked.decide(ADA, "offers")
    assert (held.allowed, held.version) == (True, 1)
    assert not (await asked.decide(ADA, "offers", version=2)).allowed, "a refuser is never brought further"
    await asked.answer(path, "yes")
    await confirm_by_mail(asked)
    assert (await asked.decide(ADA, "offers", version=2)).allowed, "but may change their mind"


async def test_who_was_never_mailed_has_notice_from_reading_it_on_a_page(asked: Asked) -> None:
    await asked.is_customer()
    await asked.apply(MORE_OFFERS)
    path = on_a_page(asked, purpose="offers")
    await asked.open(path)
    assert await asked.entries(ADA, Action.NOTIFY) == [], "looking is no notice"
    await asked.answer(path, "seen")
    assert len(await asked.entries(ADA, Action.NOTIFY)) == 1
    asked.clock.pass_by(days=30)
    assert (await asked.decide(ADA, "offers", version=2)).allowed
    await asked.answer(path, "no")
    assert (await asked.decide(ADA, "offers")).version == 1
