"""People who may be asked, and purposes that changed: short words for the tests of campaigns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prefcenter.domain.asking import may_ask
from prefcenter.domain.campaign_words import Askable, AskedState, Asking, CampaignKind, NotAsked
from prefcenter.domain.choices import Cause, Proof, Source, Status
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import NO_FACTS, Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Basis, Channel, Purpose
from prefcenter.domain.standing import Standing, StandingKey, Stop
from tests.domain.world import REGIMES, with_version

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHANGED = NOW - timedelta(days=10)
LONG_AGO = NOW - timedelta(days=400)
WIDE = b"ada's address..."

_NEWS = Purpose(
    key="news",
    title="News",
    description="Monthly.",
    basis=Basis.CONSENT,
    data=("email",),
    double_opt_in=False,
)
#: Version 2 gives the address to a partner.
NEWS = with_version(_NEWS, CHANGED, recipients=("partner",))
EVENTS = Purpose(key="events", title="Events", description="Four a year.", basis=Basis.CONSENT)
#: New for everybody whose data is older.
TIPS = Purpose(key="tips", title="Tips", description="Weekly.", basis=Basis.CONSENT, since=CHANGED)
_OFFERS = Purpose(
    key="offers",
    title="Offers",
    description="Similar products.",
    basis=Basis.LEGITIMATE_INTEREST,
    similar_to_purchase=True,
)
OFFERS = with_version(_OFFERS, CHANGED, data=("email", "purchases"))
NEW_OFFERS = replace(_OFFERS, key="new-offers", since=CHANGED)
AS_THE_RULES = Purpose(key="rules", title="As the rules", description="Any.", since=CHANGED)
PURPOSES = [NEWS, EVENTS, TIPS, OFFERS, NEW_OFFERS, AS_THE_RULES]

CUSTOMER = Facts(
    country="DE",
    relationship=Relationship(
        kind="customer",
        since=LONG_AGO,
        opt_out_offered=OptOutOffered(at=LONG_AGO, wording="You can say no."),
    ),
)
AMERICAN = Facts(country="US")


@dataclass(frozen=True)
class Person:
    """Told step by step; each step makes another one."""

    standings: dict[StandingKey, Standing] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    facts: Facts = NO_FACTS
    askings: tuple[Asking, ...] = ()

    @property
    def dossier(self) -> Dossier:
        return Dossier(standings=self.standings, stops=self.stops, facts=self.facts, known_since=LONG_AGO)

    def holds(
        self, purpose: Purpose, status: Status = Status.GIVEN, *, channel: str = Channel.EMAIL, **more: Any
    ) -> "Person":
        at = more.pop("at", LONG_AGO)
        seq = 5 if status in (Status.GIVEN, Status.RENEWED) else None
        made = Standing(
            "ada", purpose.key, channel, status, seq, f"e-{purpose.key}", at, at, Proof.ATTESTED, **more
        )
        return replace(self, standings={**self.standings, made.key: made})

    def stopped(
        self, cause: Cause, purpose: str = "*", *, at: datetime = NOW, channel: str = "*", seq: int = 9
    ) -> "Person":
        stop = Stop(WIDE, channel, purpose, cause, Source.PAGE, seq, "stop", at, at)
        return replace(self, stops=(*self.stops, stop))

    def asked(
        self,
        purpose: Purpose = EVENTS,
        state: str = AskedState.ASKED,
        *,
        days_ago: float = 0,
        kind: str = CampaignKind.ASK,
        **more: Any,
    ) -> "Person":
        at = more.pop("at", NOW - timedelta(days=days_ago))
        mailed = kind != CampaignKind.PAGE and state != AskedState.QUEUED and state in set(AskedState)
        one = Asking(
            **{
                "id": f"a{len(self.askings)}",
                "campaign": f"{purpose.key}-{kind}",
                "purpose": purpose.key,
                "version": purpose.version,
                "kind": kind,
                "subject": "ada",
                "carrier": "events",
                "state": state,
                "queued_at": at,
                "asked_at": at if mailed else None,
                "answered_at": at if state in ("yes", "no", "later", "seen") else None,
                **more,
            }
        )
        return replace(self, askings=(*self.askings, one))

    def may_be(
        self,
        purpose: Purpose,
        kind: CampaignKind = CampaignKind.ASK,
        *,
        now: datetime = NOW,
        purposes: Sequence[Purpose] = PURPOSES,
        itself: str | None = None,
    ) -> Askable:
        return may_ask(
            kind, purpose, purposes, self.dossier, self.askings, regimes=REGIMES, now=now, itself=itself
        )

    def why_not(
        self, purpose: Purpose, kind: CampaignKind = CampaignKind.ASK, **more: Any
    ) -> NotAsked | None:
        return self.may_be(purpose, kind, **more).reason


#: Gets the events, and so may be mailed.
READER = Person().holds(EVENTS)
