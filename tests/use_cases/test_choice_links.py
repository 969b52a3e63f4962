"""Where a question can be answered: on the preferences page, by an old link, and not by a foreign one."""

from __future__ import annotations

import re

import pytest

from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.domain.choices import Action
from prefcenter.links import ManageLink
from prefcenter.storage.database import StorageUnavailable
from tests.use_cases.campaigns import FIELD, PARTNER, PURCHASES, Asked, on_a_page, texts
from tests.web.site import ADA

# --- on the preferences page ---------------------------------------------------------------------------


async def test_whoever_may_not_be_mailed_is_asked_on_their_preferences_page(asked: Asked) -> None:
    await asked.apply(PARTNER)
    page = await asked.open(asked.site.manage_path())
    assert "Something new to decide" in page and "A change to Invitations" in page
    [path] = [part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/n/")]
    await asked.answer(path, "yes")
    assert (await asked.decide(ADA, recipient="partner-inc")).allowed
    assert "Something new to decide" not in await asked.open(asked.site.manage_path())
    assert (await asked.progress(kind=CampaignKind.PAGE)).yes == 1
    [item] = [one for one in await asked.entries(ADA, Action.GIVE) if one.entry.source == "choice_link"]
    assert "campaign" not in item.evidence


async def test_the_preferences_page_shows_what_they_agreed_to_and_not_what_is_asked(asked: Asked) -> None:
    await asked.apply(PARTNER)
    page = texts(await asked.open(asked.site.manage_path()))
    group = page[page.index("Invitations Invitations to our webinars") :].split("Yes, send me this")[0]
    assert "Partner Inc" not in group
    await asked.answer(on_a_page(asked), "yes")
    page = texts(await asked.open(asked.site.manage_path()))
    group = page[page.index("Invitations Invitations to our webinars") :].split("Yes, send me this")[0]
    assert "Your address is given to: Partner Inc." in group


@pytest.mark.parametrize("said", ["no", "later"])
async def test_a_question_that_was_answered_is_no_news_but_can_be_seen_again(asked: Asked, said: str) -> None:
    await asked.apply(PARTNER)
    await asked.answer(on_a_page(asked), said)
    page = await asked.open(asked.site.manage_path())
    assert "Something new to decide" not in page and "See the change that you decided on" in page
    await asked.ask()
    assert ADA not in [str(mail["To"]) for mail in await asked.deliver()], "nor is it asked by mail"


# --- old and foreign links -----------------------------------------------------------------------------


async def test_an_old_link_asks_the_question_of_today(asked: Asked, path: str) -> None:
    await asked.apply(PURCHASES)
    page = texts(await asked.open(path))
    assert "We would also use: purchases." in page
    await asked.answer(path, "yes")
    assert (await asked.decide(ADA)).version == 3


async def test_a_yes_to_words_that_have_changed_since_is_asked_for_again(asked: Asked, path: str) -> None:
    shown = await asked.open(path)
    await asked.apply(PURCHASES)
    page = texts(await asked.answer(path, "yes", shown))
    assert "What we ask has changed since you opened this page" in page
    assert (await asked.decide(ADA)).version == 1


async def test_a_no_to_words_that_have_changed_since_counts(asked: Asked, path: str) -> None:
    shown = await asked.open(path)
    await asked.apply(PURCHASES)
    assert "You said no" in texts(await asked.answer(path, "no", shown))
    [item] = await asked.entries(ADA, Action.DECLINE)
    assert "wording" not in item.evidence, "it was another text"


async def test_a_purpose_that_is_no_longer_offered_leaves_nothing_to_decide(asked: Asked, path: str) -> None:
    text = (asked.folder / "prefcenter.toml").read_text()
    start, end = text.index("[purposes.events]"), text.index("[purposes.offers]")
    (asked.folder / "prefcenter.toml").write_text(text[:start] + text[end:])
    await asked.apply()
    assert "nothing to decide any more" in await asked.open(path)
    response = await asked.site.client.post(path, data={"answer": "yes"})
    assert response.status_code == 200 and "nothing to decide" in response.text


async def test_a_link_to_an_address_that_changed_hands_is_none(asked: Asked, path: str) -> None:
    page_link = on_a_page(asked)
    await asked.site.is_customer(ADA, external_id="crm-1")
    asked.clock.pass_by(days=1)
    await asked.site.is_customer("ada@example.org", external_id="crm-1")
    unknown = await asked.site.client.get("/n/nothing")
    for old in (path, page_link):
        for method in ("GET", "POST"):
            answer = await asked.site.client.request(method, old, data={"answer": "yes"})
            assert (answer.status_code, answer.text) == (404, unknown.text)


async def test_the_link_to_the_preferences_is_as_old_as_the_link_that_was_mailed(
    asked: Asked, path: str
) -> None:
    links = asked.site.services.links
    for old in (path, on_a_page(asked)):
        issued_at = links.read_choice(old.removeprefix("/n/")).issued_at
        asked.clock.pass_by(days=20)
        shown = await asked.open(old)
        answered = await asked.answer(old, "no", shown)
        for page in (shown, answered):
            [token] = set(re.findall(r'href="/p/([^"]+)"', page))
            assert links.read_manage(token).issued_at == issued_at


async def test_a_forged_link_and_one_of_another_power_are_none(asked: Asked, path: str) -> None:
    services = asked.site.services
    narrow, wide = asked.site.prints(ADA)
    manage = services.links.manage(ManageLink(narrow, wide, asked.clock()))
    token = path.removeprefix("/n/")
    for other in (
        token[:-1],
        token + "A",
        token.swapcase(),
        manage,
        asked.site.stop_path().removeprefix("/u/"),
    ):
        assert (await asked.site.client.get(f"/n/{other}")).status_code == 404
    for kind in ("u", "p", "c", "t"):
        assert (await asked.site.client.get(f"/{kind}/{token}")).status_code == 404


async def test_an_answer_waits_for_the_database(
    asked: Asked, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = dict(FIELD.findall(await asked.open(path)))

    async def gone(*_: object) -> object:
        raise StorageUnavailable("gone")

    monkeypatch.setattr(asked.site.services.journal, "record", gone)
    answer = await asked.site.client.post(path, data={**shown, "answer": "no"})
    assert answer.status_code == 503 and "retry-after" in answer.headers
