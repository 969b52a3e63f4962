"""`/c/{token}`: double opt-in. Only the button confirms, once, and only for who reads the mailbox."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest
from msgspec.structs import replace

from prefcenter.catalog import parse
from prefcenter.domain.choices import Action, Effect, Proof, Source
from prefcenter.domain.purposes import ANY
from prefcenter.links import ConfirmLink
from prefcenter.starter import config_text
from prefcenter.storage.units import FactsItem, ref_of
from prefcenter.use_cases.record_choices import record
from tests.web.asking import (
    BO,
    FORM,
    SHOWN_SEQ,
    Postbox,
    bodies,
    confirm,
    history,
    link_of,
    problems,
    request,
    request_all,
)
from tests.web.site import Clock, Site

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def postbox(site: Site) -> Postbox:
    return Postbox(site)


@pytest.fixture
def lite_postbox(lite_site: Site) -> Postbox:
    return Postbox(lite_site)


# --- the way to a confirmed yes --------------------------------------------------------------------------


async def test_a_request_is_confirmed_by_whoever_reads_the_mailbox(
    site: Site, postbox: Postbox, clock: Clock
) -> None:
    asked = await request(site)
    asked_at = clock()
    assert (asked.effect, asked.reason) == (Effect.PENDING, "needs_confirmation")
    assert (await site.decision(address=BO)).reason == "requested"

    clock.pass_by(hours=3)
    path = await postbox.link()
    clock.pass_by(minutes=5)
    text = await confirm(site, path)

    assert "You have confirmed" in text and "b•••@example.com" in text
    decision = await site.decision(address=BO)
    assert (decision.allowed, decision.reason, decision.proof) == (True, "consent", Proof.CONFIRMED)
    given = (await history(site))[-1]
    assert (given.entry.action, given.entry.source) == (Action.GIVE, Source.CONFIRMATION)
    assert given.evidence is not None
    assert given.evidence["request"] == asked.entry
    assert given.evidence["requested_at"] == asked_at.isoformat()
    assert given.evidence["confirmed_at"] == clock().isoformat()
    assert given.evidence["mail_sha256"] == sha256(postbox.mails[0].as_bytes()).hexdigest()
    assert given.evidence["ip"] == "127.0.0.1" and "python" in given.evidence["user_agent"]
    words = await site.services.reader.wordings([given.evidence["wording"]])
    assert list(words.values()) == [FORM["wording"]]
    assert await problems(site) == []


async def test_the_page_says_who_asks_for_what_and_ticks_nothing(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request_all(lite_site, ["newsletter", "partner-offers"])
    text = (await lite_site.client.get(await lite_postbox.link())).text
    assert "Example Ltd" in text and "1 Example Street" in text
    assert "Product newsletter" in text and "Monthly product news and tips." in text
    assert "Your address is given to: Partner Inc." in text
    assert 'Asked for on <time datetime="2026-11-23">' in text
    assert "just close this page" in text and '<time datetime="2026-11-30">' in text
    assert text.count("<button") == 1 and "Yes, confirm</button>" in text
    assert "checkbox" not in text and "checked" not in text and BO not in text


async def test_all_that_was_asked_for_in_one_call_is_one_mail_and_one_answer(
    site: Site, postbox: Postbox
) -> None:
    await request_all(site, ["newsletter", "events", "partner-offers"])
    await confirm(site, await postbox.link())
    for purpose in ("newsletter", "events", "partner-offers"):
        assert (await site.decision(purpose, BO)).proof == Proof.CONFIRMED


async def test_without_a_wording_the_words_of_the_page_are_kept(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request(lite_site, "partner-offers", evidence={})
    await confirm(lite_site, await lite_postbox.link())
    evidence = (await history(lite_site))[-1].evidence
    assert evidence is not None
    [words] = (await lite_site.services.reader.wordings([evidence["wording"]])).values()
    assert words.splitlines() == [
        "Offers from our partner",
        "We give your address to Partner Inc, which then mails you its own offers.",
        "Partner Inc",
        "Yes, confirm",
    ]


async def test_the_answer_leads_to_a_page_where_it_can_be_stopped(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request(lite_site)
    text = await confirm(lite_site, await lite_postbox.link())
    assert "You get this: you said yes on" in text and "a link that stops it at once" in text
    manage = text.partition('href="/p/')[2].partition('"')[0]
    assert "Product newsletter" in (await lite_site.client.get(f"/p/{manage}")).text


async def test_a_yes_over_an_objection_is_confirmed_the_same_way(site: Site, postbox: Postbox) -> None:
    await site.said(Action.OBJECT, ANY)
    site.clock.pass_by(days=1)
    given = await site.said(Action.GIVE)
    assert (given.effect, given.reason) == (Effect.PENDING, "needs_confirmation")
    assert not (await site.decision()).allowed
    await confirm(site, await postbox.link())
    assert (await site.decision()).proof == Proof.CONFIRMED
    assert (await site.decision("events")).reason == "all_marketing_stopped"


async def test_a_yes_on_the_preferences_page_is_confirmed_by_mail(site: Site, postbox: Postbox) -> None:
    path = site.manage_path()
    shown_seq = SHOWN_SEQ.findall((await site.client.get(path)).text)[0]
    form = {"shown_seq": shown_seq, "shown-partner-offers": "open", "want-partner-offers": "on"}
    words = (await site.client.get(path)).text.partition('name="words-partner-offers" value="')[2]
    answer = await site.client.post(path, data=form | {"words-partner-offers": words.partition('"')[0]})
    assert "One step is left" in answer.text and "We have sent you a mail" in answer.text
    assert not (await site.decision("partner-offers")).allowed
    [mail] = await postbox.deliver()
    assert "on the page with your choices, you asked Example Ltd" in bodies(mail)[0]
    await confirm(site, link_of(mail))
    assert (await site.decision("partner-offers")).proof == Proof.CONFIRMED


# --- what confirms nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_that_opens_the_link_confirms_nothing(
    site: Site, postbox: Postbox, method: str
) -> None:
    await request(site)
    path = await postbox.link()
    head = await site.head()
    queries = ["", "?shown_seq=9", "?_method=POST", "?confirm=yes"]
    looks = [site.client.request(method, path + query) for query in queries for _ in range(5)]
    assert {answer.status_code for answer in await asyncio.gather(*looks)} == {200}
    assert await site.head() == head
    assert (await site.decision(address=BO)).reason == "requested"


async def test_a_second_click_answers_the_same_and_records_nothing(site: Site, postbox: Postbox) -> None:
    await request(site)
    path = await postbox.link()
    first = await confirm(site, path)
    head = await site.head()
    site.clock.pass_by(hours=1)
    again = (await site.client.post(path, data={"shown_seq": "1"})).text
    opened = (await site.client.get(path)).text

    def without_link(text: str) -> str:
        return text.partition('<p><a class="way"')[0]

    assert without_link(first) == without_link(again) == without_link(opened)
    assert await site.head() == head


async def test_clicks_at_the_same_moment_are_one_yes(site: Site, postbox: Postbox) -> None:
    await request(site)
    path = await postbox.link()
    shown_seq = SHOWN_SEQ.findall((await site.client.get(path)).text)[0]
    clicks = [site.client.post(path, data={"shown_seq": shown_seq}) for _ in range(20)]
    answers = await asyncio.gather(*clicks)
    assert {answer.status_code for answer in answers} == {200}
    assert all("You have confirmed" in answer.text for answer in answers)
    actions = [item.entry.action for item in await history(site)]
    assert actions == [Action.REQUEST, Action.GIVE]


async def test_a_stop_after_the_page_was_shown_holds(site: Site, postbox: Postbox) -> None:
    await request(site)
    path = await postbox.link()
    shown_seq = SHOWN_SEQ.findall((await site.client.get(path)).text)[0]
    await site.said(Action.WITHDRAW, address=BO)
    answer = await site.client.post(path, data={"shown_seq": shown_seq})
    assert "Nothing was started" in answer.text and "the stop holds" in answer.text
    assert (await site.decision(address=BO)).reason == "withdrawn"


@pytest.mark.parametrize("shown_seq", ["", "x", "-1", "999999", "9" * 30])
async def test_a_form_that_makes_up_what_was_shown_beats_no_stop(
    lite_site: Site, lite_postbox: Postbox, shown_seq: str
) -> None:
    await request(lite_site)
    path = await lite_postbox.link()
    await lite_site.said(Action.WITHDRAW, address=BO)
    answer = await lite_site.client.post(path, data={"shown_seq": shown_seq})
    assert "the stop holds" in answer.text
    assert not (await lite_site.decision(address=BO)).allowed


async def test_what_was_stopped_since_is_shown_as_stopped(lite_site: Site, lite_postbox: Postbox) -> None:
    await request(lite_site)
    path = await lite_postbox.link()
    await confirm(lite_site, path)
    await lite_site.said(Action.WITHDRAW, address=BO)
    head = await lite_site.head()
    answer = await lite_site.client.post(path, data={"shown_seq": str(head)})
    assert "You do not get this: you stopped it on" in answer.text
    assert await lite_site.head() == head


async def test_a_link_works_to_its_last_moment_and_then_says_what_to_do(
    site: Site, postbox: Postbox, clock: Clock
) -> None:
    born = clock()
    await request(site)
    path = await postbox.link()
    clock.now = born + timedelta(days=7) + MOMENT
    head = await site.head()
    for answer in (await site.client.get(path), await site.client.post(path, data={"shown_seq": str(head)})):
        assert answer.status_code == 410
        assert "This link has run out" in answer.text and "Ask for it once more" in answer.text
    assert await site.head() == head
    clock.now = born + timedelta(days=7)
    assert "You have confirmed" in await confirm(site, path)


async def test_an_address_that_changed_hands_confirms_for_nobody(site: Site, postbox: Postbox) -> None:
    await request(site, external_id="crm-1")
    path = await postbox.link()
    site.clock.pass_by(minutes=1)
    new = "new@example.com"
    ref = replace(ref_of(site.prints(new), new, create=True), external_id="crm-1")
    await record(site.services, facts=[FactsItem(ref=ref, facts={"language": "en"})], now=site.clock())
    head = await site.head()
    unknown = site.services.links.confirm(ConfirmLink("0" * 32, site.clock()))
    for method in ("GET", "POST"):
        gone = await site.client.request(method, path)
        none = await site.client.request(method, f"/c/{unknown}")
        assert (gone.status_code, none.status_code) == (404, 404)
        assert gone.text == none.text
    assert await site.head() == head


async def test_a_link_that_cannot_be_read_is_none(lite_site: Site, lite_postbox: Postbox) -> None:
    await request(lite_site)
    token = (await lite_postbox.link()).removeprefix("/c/")
    for spoiled in (token[:-1], f"{token}A", f"{token}=", token.upper(), "A", "x.y"):
        for method in ("GET", "POST"):
            answer = await lite_site.client.request(method, f"/c/{spoiled}")
            assert answer.status_code == 404 and "This link does not work" in answer.text
    for other in (lite_site.stop_path(BO), lite_site.manage_path(BO)):
        assert (await lite_site.client.get(f"/c/{other[3:]}")).status_code == 404


async def test_what_is_no_longer_offered_cannot_be_confirmed(site: Site, postbox: Postbox) -> None:
    await request_all(site, ["newsletter", "events"])
    path = await postbox.link()
    without = config_text()
    start, end = without.index("[purposes.events]"), without.index("[purposes.offers]")
    await site.services.catalogs.apply(parse(without[:start] + without[end:]), site.clock)
    text = (await site.client.get(path)).text
    assert "no longer offered" in text and "Invitations" not in text
    assert "no longer offered" in await confirm(site, path)
    assert (await site.decision(address=BO)).allowed
    assert (await site.decision("events", BO)).reason == "unknown_purpose"


async def test_where_nothing_is_offered_any_more_there_is_no_button(
    lite_site: Site, lite_postbox: Postbox
) -> None:
    await request(lite_site, "events")
    path = await lite_postbox.link()
    without = config_text()
    start, end = without.index("[purposes.events]"), without.index("[purposes.offers]")
    await lite_site.services.catalogs.apply(parse(without[:start] + without[end:]), lite_site.clock)
    head = await lite_site.head()
    for method in ("GET", "POST"):
        answer = await lite_site.client.request(method, path)
        assert answer.status_code == 200
        assert "Nothing to confirm" in answer.text and "<button" not in answer.text
    assert await lite_site.head() == head


async def test_it_confirms_the_terms_it_was_asked_for_under(site: Site, postbox: Postbox) -> None:
    await request(site, evidence={})
    path = await postbox.link()
    more = config_text().replace('data = ["email", "name"]', 'data = ["email", "name", "birthday"]', 1)
    more = more.replace("Monthly product news and tips.", "News on your birthday.")
    await site.services.catalogs.apply(parse(more), site.clock)
    text = (await site.client.get(path)).text
    assert "Monthly product news and tips." in text and "birthday" not in text
    await confirm(site, path)
    decision = await site.decision(address=BO)
    assert (decision.allowed, decision.version, decision.pending_version) == (True, 1, 2)


async def test_no_other_method_is_taken(lite_site: Site, lite_postbox: Postbox) -> None:
    await request(lite_site)
    path = await lite_postbox.link()
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH"):
        assert (await lite_site.client.request(method, path)).status_code == 405
    assert (await lite_site.client.post(path, content=b"x" * 70_000)).status_code == 413
    assert (await lite_site.decision(address=BO)).reason == "requested"
