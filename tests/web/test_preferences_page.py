"""`/p/{token}`: a person's changes count against what they were shown; no page lies about it."""

import random
import re
from urllib.parse import urlencode

import pytest

from prefcenter.catalog import parse
from prefcenter.domain.choices import Action, Source
from prefcenter.domain.purposes import ANY
from prefcenter.starter import config_text
from prefcenter.storage.units import Outcome, Unit
from tests.web.site import ADA, Clock, Site

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
CHECKED = re.compile(r'name="want-([a-z-]+)" value="(on|off)" checked')
LENIENT = (
    config_text()
    .replace("double_opt_in = true ", "double_opt_in = false ")
    .replace("\ndouble_opt_in = true\n", "\ndouble_opt_in = false\n")
)


async def lenient(site: Site) -> None:
    """A catalog whose purposes need no confirmation by mail."""
    await site.services.catalogs.apply(parse(LENIENT), site.clock)


def form_of(text: str) -> dict[str, str]:
    """The form as the browser would send it untouched."""
    fields = dict(HIDDEN.findall(text))
    fields |= {f"want-{key}": answer for key, answer in CHECKED.findall(text)}
    return fields


async def opened(site: Site, address: str = ADA) -> dict[str, str]:
    return form_of((await site.client.get(site.manage_path(address))).text)


async def save(site: Site, form: dict[str, str], address: str = ADA) -> str:
    answer = await site.client.post(site.manage_path(address), data=form)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    return answer.text


async def test_it_says_for_each_purpose_how_it_stands(lite_site: Site, clock: Clock) -> None:
    text = (await lite_site.client.get(lite_site.manage_path())).text
    assert "a•••@example.com" in text and ADA not in text
    assert 'You get this: you said yes on <time datetime="2026-03-03">3 March 2026</time>.' in text
    assert "You get this because you are a customer. You can object at any time." in text
    assert "You do not get this: you were never asked." in text
    assert "We cannot run your account without them." in text
    assert "Your address is given to: Partner Inc." in text
    await lite_site.said(Action.WITHDRAW)
    clock.pass_by(days=1)
    text = (await lite_site.client.get(lite_site.manage_path())).text
    assert 'you stopped it on <time datetime="2026-11-23">23 November 2026</time>' in text


async def test_it_asks_nothing_of_service_mail_and_ticks_nothing_nobody_said(lite_site: Site) -> None:
    form = await opened(lite_site)
    assert not any(name.endswith("-account") for name in form)
    assert "want-partner-offers" not in form
    assert form["shown-partner-offers"] == "open"
    assert (form["want-newsletter"], form["want-offers"]) == ("on", "on")


async def test_saving_what_was_shown_records_nothing(site: Site) -> None:
    head = await site.head()
    assert "Nothing was changed" in await save(site, await opened(site))
    assert await site.head() == head


async def test_a_stop_counts_and_only_it(site: Site) -> None:
    text = await save(site, await opened(site) | {"want-newsletter": "off"})
    assert "<b>Product newsletter</b>: stopped, from now on." in text and "48 hours" in text
    assert (await site.decision()).reason == "withdrawn"
    assert (await site.decision("offers")).allowed


async def test_an_objection_ends_what_is_sent_without_consent(site: Site) -> None:
    await save(site, await opened(site) | {"want-offers": "off"})
    assert (await site.decision("offers")).reason == "objected"


async def test_a_no_to_what_was_never_asked_is_a_refusal(lite_site: Site) -> None:
    await save(lite_site, await opened(lite_site) | {"want-partner-offers": "off"})
    assert (await lite_site.decision("partner-offers")).reason == "refused"


async def test_a_yes_counts_with_the_words_it_was_said_to(site: Site) -> None:
    await lenient(site)
    text = await save(site, await opened(site) | {"want-partner-offers": "on"})
    assert "<b>Offers from our partner</b>: you get this from now on." in text
    decision = await site.decision("partner-offers")
    assert (decision.allowed, decision.proof) == (True, "link")
    person = (await site.services.reader.people_at([site.prints(ADA)]))[0]
    newest = (await site.services.reader.history([site.prints(ADA).wide], person.subject))[-1]
    assert newest.evidence is not None
    words = await site.services.reader.wordings([newest.evidence["wording"]])
    assert words[newest.evidence["wording"]].splitlines() == [
        "Offers from our partner",
        "We give your address to Partner Inc, which then mails you its own offers.",
        "Partner Inc",
        "Yes, send me this",
    ]


async def test_a_yes_that_needs_a_confirmation_is_not_claimed(site: Site) -> None:
    await site.said(Action.WITHDRAW)
    text = await save(site, await opened(site) | {"want-newsletter": "on"})
    assert "We have sent you a mail" in text and "One step is left" in text
    assert not (await site.decision()).allowed


async def test_a_second_yes_so_soon_sends_no_second_mail_and_says_so(lite_site: Site) -> None:
    await lite_site.said(Action.WITHDRAW)
    await save(lite_site, await opened(lite_site) | {"want-newsletter": "on"})
    text = await save(lite_site, await opened(lite_site) | {"want-newsletter": "on"})
    assert "we sent you such a mail not long ago" in text and "Nothing was changed" in text


async def test_a_yes_by_an_address_that_bounces_is_told_what_to_do(lite_site: Site) -> None:
    await lite_site.said(Action.WITHDRAW)
    await lite_site.said(Action.BOUNCE, ANY, ADA, Source.PROVIDER)
    text = await save(lite_site, await opened(lite_site) | {"want-newsletter": "on"})
    assert "mail to your address comes back" in text and "Nothing was changed" in text


async def test_a_stop_in_one_tab_survives_a_save_in_another(site: Site) -> None:
    """The late tab shows it as on and leaves it so: that is no new yes."""
    await lenient(site)
    late_tab = await opened(site)
    await save(site, await opened(site) | {"want-newsletter": "off"})
    await save(site, late_tab | {"want-offers": "off"})
    assert (await site.decision()).reason == "withdrawn"
    assert (await site.decision("offers")).reason == "objected"


async def test_a_yes_on_a_page_older_than_the_stop_does_not_count_and_says_so(site: Site) -> None:
    await lenient(site)
    await site.said(Action.WITHDRAW)
    old_page = await opened(site)
    await site.client.post(site.stop_path(), content=b"List-Unsubscribe=One-Click")
    site.clock.pass_by(minutes=2)
    await site.client.post(site.stop_path(), content=b"List-Unsubscribe=One-Click")
    text = await save(site, old_page | {"want-newsletter": "on"})
    assert "after this page was opened, and the stop holds" in text
    assert not (await site.decision()).allowed
    text = await save(site, form_of(text) | {"want-newsletter": "on"})
    assert "you get this from now on" in text
    assert (await site.decision()).allowed


async def test_a_page_from_the_future_was_never_shown(site: Site) -> None:
    await lenient(site)
    form = await opened(site) | {"want-newsletter": "on", "shown-newsletter": "off"}
    await site.said(Action.WITHDRAW)
    text = await save(site, form | {"shown_seq": str(await site.head() + 1000)})
    assert "Nothing was changed" in text
    assert (await site.decision()).reason == "withdrawn"


async def test_a_stop_counts_though_the_address_changes_hands_at_that_very_moment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await opened(site) | {"want-newsletter": "off", "want-partner-offers": "on"}
    path = site.manage_path()
    record = site.services.journal.record

    async def after_a_move(unit: Unit) -> Outcome:
        monkeypatch.undo()
        await site.is_customer(ADA, external_id="7")
        await site.is_customer("new@example.com", external_id="7")
        return await record(unit)

    monkeypatch.setattr(site.services.journal, "record", after_a_move)
    assert (await site.client.post(path, data=form)).status_code == 404
    assert [stop.purpose for stop in await site.services.reader.stops_at(site.prints(ADA).wide)] == [
        "newsletter"
    ]
    assert not (await site.decision("partner-offers", address="new@example.com")).allowed


async def test_saving_twice_is_saving_once(site: Site) -> None:
    form = await opened(site) | {"want-newsletter": "off"}
    await save(site, form)
    head = await site.head()
    await save(site, form)
    assert await site.head() == head
    assert (await site.decision()).reason == "withdrawn"


async def test_a_yes_to_words_that_have_changed_does_not_count(lite_site: Site) -> None:
    await lenient(lite_site)
    form = await opened(lite_site) | {"want-partner-offers": "on"}
    changed = LENIENT.replace("which then mails you its own offers", "which then calls you")
    await lite_site.services.catalogs.apply(parse(changed), lite_site.clock)
    assert "description has changed" in await save(lite_site, form)
    assert not (await lite_site.decision("partner-offers")).allowed


async def test_stop_all_marketing_is_one_press(site: Site) -> None:
    text = await save(site, {"stop": "all"})
    assert "<title>You are unsubscribed" in text
    assert (await site.decision()).reason == "all_marketing_stopped"
    assert (await site.decision("account")).allowed


async def test_after_60_days_the_link_still_stops_and_shows_nothing(lite_site: Site, clock: Clock) -> None:
    path = lite_site.manage_path()
    form = form_of((await lite_site.client.get(path)).text)
    clock.pass_by(days=60, seconds=1)
    text = (await lite_site.client.get(path)).text
    assert "Stop all marketing" in text and "newsletter" not in text and "•••" not in text
    answer = await lite_site.client.post(path, data=form | {"want-offers": "off"})
    assert "This link can do one thing" in answer.text
    assert (await lite_site.decision("offers")).allowed
    assert "You are unsubscribed" in (await lite_site.client.post(path, data={"stop": "all"})).text
    assert (await lite_site.decision("offers")).reason == "all_marketing_stopped"


async def test_where_nobody_has_the_address_only_stopping_is_offered(site: Site) -> None:
    stranger = "stranger@example.net"
    assert "This link can do one thing" in (await site.client.get(site.manage_path(stranger))).text
    await save(site, {"stop": "all"}, stranger)
    assert (await site.decision(address=stranger)).reason == "all_marketing_stopped"


async def test_a_link_from_before_the_address_changed_hands_is_as_one_that_never_was(lite_site: Site) -> None:
    newcomer = "newcomer@example.org"
    path = lite_site.manage_path(newcomer)
    lite_site.clock.pass_by(days=1)
    await lite_site.is_customer("old@example.org", external_id="7")
    await lite_site.is_customer(newcomer, external_id="7")
    await lite_site.said(Action.GIVE, address=newcomer)
    missing = await lite_site.client.get("/nowhere")
    for answer in (
        await lite_site.client.get(path),
        await lite_site.client.post(path, data={"stop": "all"}),
        await lite_site.client.post(path, data={"want-newsletter": "off"}),
    ):
        assert (answer.status_code, answer.content) == (404, missing.content)
    assert (await lite_site.decision(address=newcomer)).allowed


async def test_where_a_form_says_both_it_is_no(lite_site: Site) -> None:
    fields = [*(await opened(lite_site)).items(), ("want-newsletter", "off"), ("want-newsletter", "on")]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    await lite_site.client.post(lite_site.manage_path(), content=urlencode(fields), headers=headers)
    assert (await lite_site.decision()).reason == "withdrawn"


@pytest.mark.parametrize("seed", range(4))
async def test_no_input_breaks_it_or_says_yes(lite_site: Site, seed: int) -> None:
    """Random fields and bytes: always an answer, never a yes that nobody chose."""
    chance = random.Random(seed)
    names = ["shown_seq", "stop", "shown-newsletter", "words-newsletter", "want-account", "want-x", "", "\0"]
    values = ["on", "off", "open", "", "-1", "9" * 40, "²", "\ud7ff", "ä", "all ", "\0", "<b>"]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for _ in range(30):
        pairs = [(chance.choice(names), chance.choice(values)) for _ in range(chance.randrange(8))]
        body = chance.randbytes(40) if chance.random() < 0.3 else urlencode(pairs).encode()
        answer = await lite_site.client.post(lite_site.manage_path(), content=body, headers=headers)
        assert answer.status_code == 200
    assert (await lite_site.decision()).allowed
    assert not (await lite_site.decision("partner-offers")).allowed


async def test_an_attested_no_is_shown_as_a_no(lite_site: Site) -> None:
    await lite_site.said(Action.REFUSE, "partner-offers", source=Source.FORM)
    text = (await lite_site.client.get(lite_site.manage_path())).text
    assert "You do not get this: you said no on" in text
    assert form_of(text)["want-partner-offers"] == "off"
