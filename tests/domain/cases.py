"""Short words for the table tests: purposes, and entries told one after the other."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefcenter.domain.choices import STOPS, Action, Cause, Choice, Effect, Entry, Proof, Source, Status
from prefcenter.domain.decide import Decision, decide
from prefcenter.domain.facts import NO_FACTS, Facts, OptOutOffered, Relationship
from prefcenter.domain.folding import fold
from prefcenter.domain.judge import Known, Target, Verdict, judge
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose, SoftOptInOffer
from prefcenter.domain.regimes import Cell, Regime
from prefcenter.domain.standing import Standing, State

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ADA, BO = b"ada's address...", b"bo's address...."
EMAIL, SMS = Channel.EMAIL, Channel.SMS
CHANNELS = (Channel.EMAIL, Channel.SMS)


def purpose(
    key: str, basis: Basis | None = Basis.CONSENT, kind: Kind = Kind.MARKETING, **more: Any
) -> Purpose:
    more.setdefault("channels", CHANNELS)
    return Purpose(key=key, title=key, description=key, basis=basis, kind=kind, **more)


#: Prior consent, with the soft opt-in of ePrivacy Art. 13(2) for customers.
OPT_IN = Regime(
    name="opt-in",
    cells={(channel, None): Cell(soft_opt_in={"customer": None, "client_user": None}) for channel in Channel},
    double_opt_in=False,
)

NEWSLETTER = purpose("newsletter")
DIGEST = purpose("digest", double_opt_in=True)
OFFERS = purpose(
    "offers",
    Basis.LEGITIMATE_INTEREST,
    similar_to_purchase=True,
    soft_opt_in=SoftOptInOffer(offered_since=date(2026, 1, 1), wording="You can say no."),
)
SHARING = purpose("sharing", None, Kind.SALE_OR_SHARING)
ACCOUNT = purpose("account", Basis.CONTRACT, Kind.SERVICE)
LEGAL = purpose("legal", Basis.LEGAL_OBLIGATION, Kind.SERVICE)
VITAL = purpose("recall", Basis.VITAL_INTEREST, Kind.SERVICE)
MARKETING = [
    purpose(kind.value, kind=kind)
    for kind in (Kind.MARKETING, Kind.DISCLOSURE, Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING)
]
CATALOG = {p.key: p for p in (NEWSLETTER, DIGEST, OFFERS, SHARING, ACCOUNT, LEGAL, VITAL, *MARKETING)}

RELATIONSHIP = Relationship(
    kind="customer",
    since=NOW - timedelta(days=100),
    opt_out_offered=OptOutOffered(at=NOW - timedelta(days=100), wording="You can say no."),
)
CUSTOMER = Facts(relationship=RELATIONSHIP)
#: What an `expire` ends.
STANDS = {Status.GIVEN, Status.RENEWED, Status.REQUESTED}


@dataclass
class Told:
    """A history told one choice at a time: judged by `judge`, added up by `fold`."""

    state: State = field(default_factory=State)
    entries: list[Entry] = field(default_factory=list)
    now: datetime = NOW
    subject: str | None = "ada"

    def tell(
        self,
        action: Action,
        source: Source,
        about: Purpose | str = NEWSLETTER,
        channel: str = EMAIL,
        **more: Any,
    ) -> Verdict:
        """Record one choice as the journal would; times pass by the minute."""
        self.now += more.pop("after", timedelta(minutes=1))
        wide = more.pop("wide", ADA)
        choice = Choice(
            action=action,
            source=source,
            purpose=about if isinstance(about, str) else about.key,
            channel=channel,
            **{"shown_seq": len(self.entries), **more},
        )
        verdict = judge(choice, CATALOG.get(choice.purpose), self._known(choice), self.now)
        self._add(choice, verdict, wide)
        return verdict

    def _known(self, choice: Choice) -> Known:
        standings = list(self.state.standings.get("ada", {}).values())
        stops = self.state.stops_of({ADA})
        if choice.action in STOPS:
            return Known()
        said = any(e.purpose in (choice.purpose, "*") for e in self.entries)
        mails = [e for e in self.entries if e.reason == "needs_confirmation"]
        about = CATALOG.get(choice.purpose)
        return Known(
            stops=stops,
            standings=standings,
            has_history=said,
            target=self._target(choice),
            asked_at=max((e.recorded_at for e in mails if e.purpose == choice.purpose), default=None),
            mailed_at={e.recorded_at for e in mails},
            double_opt_in=bool(about is not None and about.double_opt_in),
        )

    def _target(self, choice: Choice) -> Target | None:
        """What an `expire` is about: whatever stands there."""
        held = self.state.standings.get("ada", {}).get((choice.purpose, choice.channel))
        if choice.action is not Action.EXPIRE or held is None or held.status not in STANDS:
            return None
        return Target(entry=held.entry, seq=0, is_stop=False, recorded_at=held.at)

    def _add(self, choice: Choice, verdict: Verdict, wide: bytes) -> None:
        entry = Entry(
            len(self.entries) + 1,
            f"e{len(self.entries) + 1}",
            self.subject if wide == ADA else None,
            wide,
            choice.channel,
            choice.purpose,
            choice.action,
            choice.source,
            verdict.cause,
            verdict.effect,
            verdict.reason,
            verdict.occurred_at,
            self.now,
            self._version(choice, verdict),
            proof=verdict.proof,
            until=choice.until,
        )
        self.entries.append(entry)
        fold(self.state, entry, CATALOG.get)

    @staticmethod
    def _version(choice: Choice, verdict: Verdict) -> int | None:
        about = CATALOG.get(choice.purpose)
        if choice.version is not None or about is None:
            return choice.version
        return about.version_at(verdict.occurred_at)

    def move(self, before: bytes, after: bytes) -> None:
        self._write(Action.ADDRESS_CHANGED, Source.SYSTEM, "ada", after, "*", before.hex())

    def undo(self, entry: str, wide: bytes = ADA) -> None:
        self._write(Action.INVALIDATE, Source.PAGE, None, wide, "newsletter", entry)

    def strike_out(self, about: Purpose = NEWSLETTER) -> None:
        """What the operator does where somebody says "I never signed up"."""
        self.now += timedelta(minutes=1)
        held = self.standing(about)
        assert held is not None
        self._write(Action.INVALIDATE, Source.OPERATOR, "ada", ADA, about.key, held.entry)

    def _write(
        self, action: Action, source: Source, subject: str | None, wide: bytes, purpose: str, target: str
    ) -> None:
        seq = len(self.entries) + 1
        self.entries.append(
            Entry(
                seq,
                f"e{seq}",
                subject,
                wide,
                EMAIL,
                purpose,
                action,
                source,
                None,
                Effect.APPLIED,
                None,
                self.now,
                self.now,
                target=target,
            )
        )
        fold(self.state, self.entries[-1], CATALOG.get)

    def standing(self, about: Purpose = NEWSLETTER, channel: str = EMAIL) -> Standing | None:
        return self.state.standings.get("ada", {}).get((about.key, channel))

    def decision(
        self, about: Purpose = NEWSLETTER, channel: str = EMAIL, facts: Facts = NO_FACTS
    ) -> Decision:
        return decide(
            about,
            channel=channel,
            regime=OPT_IN,
            standing=self.standing(about, channel),
            stops=self.state.stops_of(self.state.wides.get("ada", {ADA})),
            now=self.now,
            facts=facts,
        )

    def yes(self, about: Purpose = NEWSLETTER, channel: str = EMAIL, **more: Any) -> Verdict:
        """A yes that overcomes everything."""
        more = {"proof": Proof.CONFIRMED, **more}
        return self.tell(Action.GIVE, Source.CONFIRMATION, about, channel, **more)

    def stopped_by(self, cause: Cause, about: Purpose = NEWSLETTER) -> None:
        """Bring about a stop of this cause, on this purpose where it is of one purpose."""
        action, key = BY_CAUSE[cause]
        self.tell(action, Source.OPERATOR, about if key is None else key, EMAIL if key is None else "*")


BY_CAUSE: dict[Cause, tuple[Action, str | None]] = {
    Cause.WITHDRAWN: (Action.WITHDRAW, None),
    Cause.REFUSED: (Action.REFUSE, None),
    Cause.OBJECTED: (Action.OBJECT, None),
    Cause.ALL_MARKETING: (Action.OBJECT, "*"),
    Cause.COMPLAINED: (Action.COMPLAIN, "*"),
    Cause.BOUNCED: (Action.BOUNCE, "*"),
    Cause.ERASED: (Action.ERASE, "*"),
    Cause.SIGNAL: (Action.SIGNAL, "*"),
}
