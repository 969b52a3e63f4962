"""The mail that asks to confirm: who, what, when and through what, one link, and nothing else."""

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Effect, Proof, Source
from prefcenter.domain.mail_retries import CONFIRM_LIFE
from prefcenter.domain.purposes import ANY
from prefcenter.mail.errors import SendError
from prefcenter.use_cases.confirmation_mail import place_of
from tests.web.asking import (
    BO,
    LINK,
    Postbox,
    bodies,
    confirm,
    history,
    link_of,
    recorded,
    request,
    request_all,
)
from tests.web.site import ADA, Clock, Site

MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def postbox(site: Site) -> Postbox:
    return Postbox(site)


@pytest.fixture
def lite_postbox(lite_site: Site) -> Postbox:
    return Postbox(lite_site)


# --- what it says ----------------------------------------------------------------------------------------


async def test_it_says_who_asks_for_what_and_how_it_came_about(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request_all(lite_site, ["newsletter", "partner-offers"])
    [mail] = await lite_postbox.deliver()
    assert mail["To"] == BO and mail["From"] == "privacy@example.com"
    assert mail["Subject"] == "Please confirm your request to Example Ltd"
    for body in bodies(mail):
        assert "On 23 November 2026, 09:00 UTC, on a form at example.com, somebody asked" in body
        assert "Product newsletter" in body and "Monthly product news and tips." in body
        assert "Your address is given to: Partner Inc." in body
        assert "The page works until 30 November 2026, 09:00 UTC." in body
        assert "you need not do anything" in body and "we do not remind you" in body
        assert "Example Ltd" in body and "1 Example Street, Example City" in body


async def test_it_has_one_link_and_no_picture(lite_site: Site, lite_postbox: Postbox) -> None:
    await request(lite_site)
    [mail] = await lite_postbox.deliver()
    page = mail.get_body(("html",))
    assert page is not None
    html = page.get_content()
    assert html.count("<a ") == html.count("href=") == 1
    assert "<img" not in html and "src=" not in html and "url(" not in html
    for body in bodies(mail):
        assert set(LINK.findall(body)) == {link_of(mail)}


async def test_no_program_answers_it_and_it_is_no_list_mail(lite_site: Site, lite_postbox: Postbox) -> None:
    await request(lite_site)
    [mail] = await lite_postbox.deliver()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None and mail["List-ID"] is None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source.FORM, "on a form, somebody asked Example Ltd to write to this address"),
        (Source.OPERATOR, "somebody at Example Ltd noted down that you want mail"),
        (Source.EMAIL_REQUEST, "in a mail to Example Ltd, you asked for mail"),
        (Source.AGENT, "somebody who acts for you asked Example Ltd"),
        (Source.IMPORT, "somebody asked Example Ltd to write to this address"),
        (Source.SYSTEM, "somebody asked Example Ltd to write to this address"),
    ],
)
async def test_it_says_through_whom_it_was_asked_for(
    lite_site: Site, lite_postbox: Postbox, source: Source, words: str
) -> None:
    await request(lite_site, source=source, evidence={})
    [mail] = await lite_postbox.deliver()
    assert all(words in body for body in bodies(mail))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://example.com/sign-up/ada@example.com?email=ada@example.com#form", "example.com"),
        ("https://ada:secret@example.com:8443/sign-up", "example.com"),
        ("http://example.com", "example.com"),
        ("https://example.com/", "example.com"),
        ("javascript:alert(1)", None),
        ("https://example.com/\nBuy now: https://example.net", None),
        ("https://example.com/buy now", None),
        ("https://[", None),
        ("landing page 7", None),
        (None, None),
    ],
)
def test_a_form_is_named_by_its_host_and_nothing_else_gets_into_the_mail(
    url: str | None, place: str | None
) -> None:
    assert place_of(url) == place


async def test_what_a_tool_sends_along_cannot_write_into_the_mail(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request(lite_site, evidence={"url": "https://<b>buy.example.com/Buy", "wording": "Buy now!"})
    [mail] = await lite_postbox.deliver()
    page = mail.get_body(("html",))
    assert page is not None
    assert "&lt;b&gt;buy.example.com, somebody" in page.get_content()
    assert "Buy" not in page.get_content()


# --- how often -------------------------------------------------------------------------------------------


async def test_nobody_is_asked_twice_a_day_for_the_same(site: Site, postbox: Postbox, clock: Clock) -> None:
    born = clock()
    await request(site)
    assert len(await postbox.deliver()) == 1
    clock.now = born + DAY - MOMENT
    again = await request(site)
    assert (again.effect, again.reason) == (Effect.NONE, "asked_recently")
    assert len(await postbox.deliver()) == 0
    other = await request(site, "events")
    assert other.reason == "needs_confirmation"
    assert len(await postbox.deliver()) == 1
    clock.now = born + DAY
    assert (await request(site)).reason == "needs_confirmation"
    assert len(await postbox.deliver()) == 1


async def test_another_spelling_of_the_address_is_asked_no_sooner(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request(lite_site)
    assert (await request(lite_site, address="BO@example.com")).reason == "asked_recently"
    assert len(await lite_postbox.deliver()) == 1


async def test_no_address_gets_more_than_three_in_a_day_whatever_they_are_about(
    site: Site, postbox: Postbox, clock: Clock
) -> None:
    born = clock()
    for purpose in ("newsletter", "events", "partner-offers"):
        assert (await request(site, purpose)).reason == "needs_confirmation"
        clock.pass_by(minutes=1)
    for address in (BO, "BO@example.com"):
        refused = await request(site, "offers", address)
        assert (refused.effect, refused.reason) == (Effect.NONE, "asked_too_often")
    assert (await request(site, "offers", "cleo@example.com")).reason == "needs_confirmation"
    assert len(await postbox.deliver()) == 4
    clock.now = born + DAY
    assert (await request(site, "offers")).reason == "needs_confirmation"
    assert len(await postbox.deliver()) == 1
    assert [item.entry.reason for item in await history(site)].count("asked_too_often") == 2


async def test_whoever_complained_is_asked_once_in_30_days(
    site: Site, postbox: Postbox, clock: Clock
) -> None:
    await site.said(Action.COMPLAIN, ANY, BO, Source.PROVIDER)
    clock.pass_by(days=1)
    born = clock()
    assert (await request(site)).reason == "needs_confirmation"
    clock.now = born + 30 * DAY - MOMENT
    for purpose in ("newsletter", "events"):
        assert (await request(site, purpose)).reason == "asked_recently"
    clock.now = born + 30 * DAY
    assert (await request(site, "events")).reason == "needs_confirmation"
    assert len(await postbox.deliver()) == 1  # the first ran out before it was sent


@pytest.mark.parametrize(
    ("purpose", "address", "reason"),
    [("newsletter", ADA, "already_given"), ("account", BO, "unknown_purpose")],
)
async def test_nothing_is_mailed_where_there_is_nothing_to_confirm(
    lite_site: Site, lite_postbox: Postbox, purpose: str, address: str, reason: str
) -> None:
    result = await recorded(lite_site, Action.REQUEST, purpose, address)
    assert (result.effect, result.reason) == (Effect.NONE, reason)
    assert await lite_postbox.deliver() == []


async def test_an_address_that_bounces_is_not_asked(lite_site: Site, lite_postbox: Postbox) -> None:
    await lite_site.said(Action.BOUNCE, ANY, BO, Source.PROVIDER)
    result = await request(lite_site)
    assert (result.effect, result.reason) == (Effect.NONE, "bounced")
    assert await lite_postbox.deliver() == []


# --- when it is sent -------------------------------------------------------------------------------------


async def test_it_is_not_sent_for_what_was_stopped_since(site: Site, postbox: Postbox) -> None:
    await request(site)
    await site.said(Action.OBJECT, ANY, BO)
    assert await postbox.deliver() == []
    assert await postbox.states() == {"dropped": 1}


async def test_a_yes_to_more_is_confirmed_while_the_one_before_goes_on_counting(
    site: Site, postbox: Postbox
) -> None:
    more = await recorded(site, Action.GIVE, "newsletter", ADA, Source.CHOICE_LINK)
    assert (more.effect, more.reason) == (Effect.PENDING, "needs_confirmation")
    assert (await site.decision()).proof == Proof.ATTESTED
    await confirm(site, await postbox.link())
    assert (await site.decision()).proof == Proof.CONFIRMED


async def test_it_is_not_sent_for_what_was_given_since(site: Site, postbox: Postbox) -> None:
    await request(site)
    site.clock.pass_by(minutes=1)
    await site.said(Action.GIVE, address=BO)
    assert (await site.decision(address=BO)).allowed
    assert await postbox.deliver() == []
    assert await postbox.states() == {"dropped": 1}


async def test_it_asks_only_for_what_is_still_open(site: Site, postbox: Postbox) -> None:
    await request_all(site, ["newsletter", "events"])
    await site.said(Action.REFUSE, "events", BO)
    [mail] = await postbox.deliver()
    assert all("Product newsletter" in body and "Invitations" not in body for body in bodies(mail))


async def test_one_that_had_to_wait_is_sent_until_its_link_has_run_out(
    site: Site, postbox: Postbox, clock: Clock
) -> None:
    born = clock()
    await request(site)
    await request(site, address="late@example.com")
    clock.now = born + CONFIRM_LIFE
    worker = postbox.worker()
    postbox.sender.fail_next(SendError("the mail server cannot be reached", permanent=False))
    await worker.start_due()
    await worker.drain(10)
    assert len(postbox.mails) == 1
    clock.now = born + CONFIRM_LIFE + timedelta(minutes=1)
    assert await postbox.deliver() == []
    assert sum((await postbox.states()).values()) == 2


async def test_a_repeat_after_a_crash_is_the_same_mail(site: Site, postbox: Postbox, clock: Clock) -> None:
    await request(site)
    [first] = await postbox.deliver()
    async with site.services.database.write() as tx:
        # As if the worker had died between the server's "250" and writing it down.
        await tx.fetch("UPDATE mail SET state = 'pending', ended_at = NULL")
    clock.pass_by(minutes=1)
    [second] = await postbox.deliver()
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()
    await confirm(site, link_of(first))
    assert [item.entry.action for item in await history(site)] == [Action.REQUEST, Action.GIVE]


async def test_an_answer_that_comes_before_the_worker_wrote_it_down_has_its_hash(
    site: Site, postbox: Postbox
) -> None:
    await request(site)
    path = await postbox.link()
    async with site.services.database.write() as tx:
        await tx.fetch("UPDATE mail SET state = 'pending', ended_at = NULL")
    await confirm(site, path)
    evidence = (await history(site))[-1].evidence
    assert evidence is not None and len(evidence["mail_sha256"]) == 64
    site.clock.pass_by(minutes=1)
    assert await postbox.deliver() == []
