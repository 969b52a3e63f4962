"""The sample people: what each of them said, when, and by which way. Recorded by the real use cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.purposes import ANY
from prefcenter.links import StopLink
from prefcenter.storage.units import ChoiceItem, FactsItem, Ref, ref_of
from prefcenter.use_cases.record_choices import record
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.stop_mail import stop_by_link

NEWSLETTER, OFFERS, PARTNER = "newsletter", "offers", "partner-offers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Something that was said, so many days ago."""

    days_ago: int
    action: Action
    purpose: str
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """`customer_for`: for so many days. `story`: what makes this person worth a look."""

    name: str
    email: str
    story: str
    customer_for: int | None = None
    acts: tuple[Act, ...] = ()


def _yes(purpose: str, days_ago: int) -> Act:
    return Act(days_ago=days_ago, action=Action.GIVE, purpose=purpose, source=Source.FORM)


def _clicked(purpose: str, days_ago: int) -> Act:
    return Act(days_ago=days_ago, action=Action.WITHDRAW, purpose=purpose, source=Source.ONE_CLICK)


def _told(action: Action, purpose: str, days_ago: int, source: Source = Source.OPERATOR) -> Act:
    return Act(days_ago=days_ago, action=action, purpose=purpose, source=source)


PEOPLE = (
    Sample(
        name="Ada",
        email="ada@example.com",
        story="said yes to the newsletter, and is a customer",
        customer_for=400,
        acts=(_yes(NEWSLETTER, 210),),
    ),
    Sample(
        name="Ben",
        email="ben@example.org",
        story="said yes to the newsletter",
        acts=(_yes(NEWSLETTER, 180),),
    ),
    Sample(
        name="Chika",
        email="chika@example.net",
        story="said yes to everything, and is a customer",
        customer_for=300,
        acts=(_yes(NEWSLETTER, 300), _yes(PARTNER, 300)),
    ),
    Sample(
        name="Dilara",
        email="dilara@example.com",
        story="is a customer and was never asked",
        customer_for=120,
    ),
    Sample(
        name="Emeka",
        email="emeka@example.org",
        story="said yes, then used one click",
        acts=(_yes(NEWSLETTER, 150), _clicked(NEWSLETTER, 20)),
    ),
    Sample(name="Farah", email="farah@example.net", story="is known, and was never asked"),
    Sample(
        name="Grete",
        email="grete@example.com",
        story="is a customer and objected to offers",
        customer_for=350,
        acts=(_told(Action.OBJECT, OFFERS, 40),),
    ),
    Sample(
        name="Hugo",
        email="hugo@example.org",
        story="asked support for no marketing at all",
        customer_for=200,
        acts=(_yes(NEWSLETTER, 190), _told(Action.OBJECT, ANY, 30)),
    ),
    Sample(
        name="Ines",
        email="ines@example.net",
        story="said yes, stopped, and said yes again",
        acts=(_yes(NEWSLETTER, 140), _clicked(NEWSLETTER, 90), _yes(NEWSLETTER, 12)),
    ),
    Sample(
        name="Jonas",
        email="jonas@example.com",
        story="said no when asked",
        acts=(_told(Action.REFUSE, NEWSLETTER, 60, Source.FORM),),
    ),
    Sample(
        name="Kaveh",
        email="kaveh@example.org",
        story="reported a mail as unwanted",
        acts=(_yes(NEWSLETTER, 130), _told(Action.COMPLAIN, NEWSLETTER, 8, Source.PROVIDER)),
    ),
    Sample(
        name="Lin",
        email="lin@example.net",
        story="said yes to the newsletter, and is a customer",
        customer_for=80,
        acts=(_yes(NEWSLETTER, 75),),
    ),
    Sample(
        name="Mika",
        email="mika@example.org",
        story="has just signed up, and is to confirm it by mail",
        acts=(_told(Action.REQUEST, NEWSLETTER, 0, Source.FORM),),
    ),
)


async def record_people(services: Services, now: datetime) -> None:
    """Record everybody and all they said, in the order of time."""
    for person in PEOPLE:
        since = now - timedelta(days=person.customer_for or 400)
        await record(services, facts=[_facts(services, person, since)], now=min(since, _first(person, now)))
    acts = [(act, person) for person in PEOPLE for act in person.acts]
    for act, person in sorted(acts, key=lambda pair: -pair[0].days_ago):
        await _record_act(services, person, act, now - timedelta(days=act.days_ago))


def _first(person: Sample, now: datetime) -> datetime:
    return now - timedelta(days=max((act.days_ago for act in person.acts), default=0))


def _facts(services: Services, person: Sample, since: datetime) -> FactsItem:
    facts: dict[str, object] = {"country": "DE", "language": "en"}
    if person.customer_for is not None:
        offered = {"at": since.isoformat(), "wording": "You can say no here and in every email."}
        facts["relationship"] = {
            "kind": "customer",
            "since": since.isoformat(),
            "opt_out_offered": offered,
        }
    return FactsItem(ref=_ref(services, person), facts=facts)


def _ref(services: Services, person: Sample) -> Ref:
    address = parse_email(person.email)
    return ref_of(services.fingerprinter.of_email(address), address.narrow, create=True)


async def _record_act(services: Services, person: Sample, act: Act, at: datetime) -> None:
    ref = _ref(services, person)
    if act.source is Source.ONE_CLICK:
        assert ref.wide is not None
        link = StopLink(ref.wide, act.purpose, "sample")
        evidence = {"method": "one_click"}
        await stop_by_link(services, link, everything=False, source=act.source, evidence=evidence, now=at)
        return
    purpose = services.catalogs.find(act.purpose)
    choice = Choice(
        action=act.action,
        source=act.source,
        purpose=act.purpose,
        channel=ANY if act.purpose == ANY else "email",
        stated_at=at,
    )
    evidence = {"method": "sample"}
    if act.action in (Action.GIVE, Action.REQUEST) and purpose is not None:
        evidence = {
            "method": "unticked checkbox",
            "url": "https://example.com/sign-up",
            "wording": f"{purpose.title}\n{purpose.description}\nYes, send me this",
        }
    await record(services, choices=[ChoiceItem(ref=ref, choice=choice, evidence=evidence)], now=at)
