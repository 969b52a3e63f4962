"""A small world for tests: rows that differ in everything a row can say, and purposes that change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose, SoftOptInOffer, Terms
from prefcenter.domain.regimes import STRICT, Cell, Mode, Regime, Regimes
from prefcenter.domain.third_parties import Disclosure

EMAIL, SMS, PHONE = Channel.EMAIL, Channel.SMS, Channel.PHONE


def _row(name: str, cells: Mapping[tuple[str, str | None], Cell], **more: Any) -> Regime:
    return Regime(name=name, title=name, cells=cells, **more)


_SOFT = Cell(soft_opt_in={"customer": None, "client_user": 12})
_IMPLIED = Cell(implied={"customer": 24, "inquiry": 6, "member": 24})
_AT_LAW = datetime(2026, 11, 1, tzinfo=UTC)
_DONORS = Cell(soft_opt_in={"customer": None, "donor": None}, soft_since={"donor": _AT_LAW})
_ASKS_NOTHING = Cell(mode=Mode.OPT_OUT)

#: Named as in life where they are like it; `XA` and `XB` run out so soon that a history lives to see it.
REGIMES = Regimes(
    digest="rules of the tests",
    rows={
        one.name: one
        for one in (
            _row(STRICT, {}, review_due=24),
            _row("DE", {(EMAIL, None): _SOFT, (PHONE, None): _SOFT}, review_due=1),
            _row("GB", {(EMAIL, None): _DONORS, (EMAIL, "corporate"): Cell()}, double_opt_in=False),
            _row("CA", {(EMAIL, None): _IMPLIED, (SMS, None): _IMPLIED}, double_opt_in=False),
            _row("AU", {(EMAIL, None): Cell(implied={"customer": 0, "inquiry": 1})}, double_opt_in=False),
            _row(
                "US",
                {
                    (EMAIL, None): _ASKS_NOTHING,
                    (EMAIL, "corporate"): _SOFT,
                    (SMS, "corporate"): _ASKS_NOTHING,
                },
                processing=Mode.OPT_OUT,
                double_opt_in=False,
                digital_age=13,
            ),
            _row("US-CA", {(EMAIL, None): _ASKS_NOTHING}, processing=Mode.OPT_OUT, double_opt_in=False),
            _row("XA", {(EMAIL, None): _SOFT}, expires=1, review_due=1, double_opt_in=False, digital_age=14),
            _row(
                "XB",
                {(EMAIL, None): _ASKS_NOTHING},
                expires=2,
                processing=Mode.OPT_OUT,
                double_opt_in=False,
                digital_age=13,
            ),
        )
    },
)
COUNTRIES = [*sorted(REGIMES.rows.keys() - {STRICT}), "US-NV", "CA-QC", "ZZ"]

OFFER = SoftOptInOffer(offered_since=date(2026, 1, 1), wording="You can say no here and in every email.")
NEWSLETTER = Purpose(
    key="newsletter",
    title="Newsletter",
    description="Monthly.",
    basis=Basis.CONSENT,
    channels=(EMAIL, SMS),
    double_opt_in=False,
)
PURPOSES = [
    NEWSLETTER,
    Purpose(key="digest", title="Digest", description="Weekly.", basis=Basis.CONSENT, double_opt_in=True),
    Purpose(
        key="offers",
        title="Offers",
        description="Similar products.",
        basis=Basis.LEGITIMATE_INTEREST,
        channels=(EMAIL, PHONE),
        similar_to_purchase=True,
        soft_opt_in=OFFER,
    ),
    Purpose(key="sharing", title="Sharing", description="With partners.", kind=Kind.SALE_OR_SHARING),
    Purpose(
        key="tips",
        title="Tips",
        description="As the rules have it.",
        similar_to_purchase=True,
        soft_opt_in=OFFER,
    ),
    Purpose(
        key="profile", title="Profile", description="Of tastes.", kind=Kind.PROFILING, recipients=("lab",)
    ),
    Purpose(key="proven", title="Proven", description="For the sure.", require_proof="confirmed"),
    Purpose(key="account", title="Account", description="Invoices.", kind=Kind.SERVICE, basis=Basis.CONTRACT),
]
#: Everywhere that any of them is ever sent.
PLACES = [
    *((purpose.key, str(channel)) for purpose in PURPOSES for channel in purpose.channels),
    ("offers", "sms"),
    ("events", "email"),
]
NOTICE = timedelta(days=30)


class Catalog:
    """A catalog in force. `step` applies its next change; after the last nothing happens."""

    def __init__(self) -> None:
        self.purposes = {purpose.key: purpose for purpose in PURPOSES}
        self.steps = list(_STEPS)

    regimes = REGIMES
    #: Nobody is told by mail here.
    disclosures: Mapping[str, Sequence[Disclosure]] = MappingProxyType({})

    def find(self, key: str) -> Purpose | None:
        return self.purposes.get(key)

    def all(self) -> list[Purpose]:
        return [purpose for purpose in self.purposes.values() if not purpose.retired]

    def step(self, now: datetime) -> None:
        if self.steps:
            key, change = self.steps.pop(0)
            if key in self.purposes or change is _arrives:
                change(self.purposes, now)


def with_version(old: Purpose, now: datetime, *, notice: bool = False, **changes: Any) -> Purpose:
    """The next version of a purpose; `notice` holds it back for 30 days."""
    before = Terms(
        version=old.version,
        title=old.title,
        description=old.description,
        channels=old.channels,
        recipients=old.recipients,
        data=old.data,
        since=old.since,
        in_force_at=old.in_force_at,
    )
    made = replace(old, version=old.version + 1, since=now, earlier=(*old.earlier, before), **changes)
    return replace(made, in_force_at=now + NOTICE if notice else None)


_Change = Callable[[dict[str, Purpose], datetime], None]


def _changes(key: str, *, notice: bool = False, **changes: Any) -> tuple[str, _Change]:
    def apply(purposes: dict[str, Purpose], now: datetime) -> None:
        purposes[key] = with_version(purposes[key], now, notice=notice, **changes)

    return key, apply


def _arrives(purposes: dict[str, Purpose], now: datetime) -> None:
    purposes["events"] = Purpose(
        key="events", title="Events", description="New.", since=now, in_force_at=now + NOTICE
    )


def _retires(purposes: dict[str, Purpose], now: datetime) -> None:
    purposes["digest"] = replace(purposes["digest"], retired=True)


_STEPS = [
    _changes("newsletter", recipients=("partner",)),
    _changes("tips", notice=True, recipients=("partner",)),
    _changes("offers", channels=(EMAIL, PHONE, SMS)),
    _changes("profile", recipients=("lab", "partner")),
    ("events", _arrives),
    _changes("newsletter", notice=True, data=("email", "purchases")),
    _changes("tips", recipients=("partner", "lab")),
    _changes("events", recipients=("partner",)),
    ("digest", _retires),
    _changes("offers", notice=True, recipients=("lab",)),
]
