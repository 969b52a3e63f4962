"""`/c/{token}` of something that was answered since it was asked for: it says so, and a no holds."""

import pytest

from prefcenter.domain.choices import Action, Proof, Source
from prefcenter.domain.purposes import ANY
from tests.web.asking import BO, Postbox, confirm, request, request_all
from tests.web.site import Site


@pytest.fixture
def postbox(site: Site) -> Postbox:
    return Postbox(site)


async def test_what_was_stopped_since_it_was_asked_for_says_so_and_confirms_nothing(
    site: Site, postbox: Postbox
) -> None:
    await request(site)
    path = await postbox.link()
    await site.said(Action.WITHDRAW, address=BO)
    head = await site.head()
    page = (await site.client.get(path)).text
    assert "<title>Nothing to confirm" in page and "<button" not in page
    assert "You said no to this after it was asked for, and that holds" in page
    assert "you stopped it on" in page and "/p/" in page
    answer = await site.client.post(path, data={"shown_seq": str(head)})
    assert answer.status_code == 200 and "Nothing was started" in answer.text
    assert await site.head() == head
    assert (await site.decision(address=BO)).reason == "withdrawn"


async def test_what_is_still_wanted_is_confirmed_beside_what_was_stopped(
    site: Site, postbox: Postbox
) -> None:
    await request_all(site, ["newsletter", "events"])
    path = await postbox.link()
    await site.said(Action.WITHDRAW, "events", BO)
    page = (await site.client.get(path)).text
    assert page.count("You said no to this") == 1 and "Yes, confirm" in page
    answer = await confirm(site, path)
    assert "You have confirmed" in answer and "the stop holds" in answer
    assert (await site.decision(address=BO)).allowed
    assert (await site.decision("events", BO)).reason == "withdrawn"


async def test_an_address_that_bounced_since_may_prove_that_it_lives(site: Site, postbox: Postbox) -> None:
    await request(site)
    path = await postbox.link()
    await site.said(Action.BOUNCE, ANY, BO, Source.PROVIDER)
    assert "You have confirmed" in await confirm(site, path)
    assert (await site.decision(address=BO)).allowed


async def test_a_yes_that_was_said_otherwise_meanwhile_can_still_be_proved(
    site: Site, postbox: Postbox
) -> None:
    await request(site)
    path = await postbox.link()
    await site.said(Action.WITHDRAW, address=BO)
    site.clock.pass_by(minutes=2)
    await site.said(Action.GIVE, address=BO)
    await confirm(site, path)
    assert (await site.decision(address=BO)).proof == Proof.CONFIRMED
