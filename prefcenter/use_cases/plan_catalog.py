"""What putting a catalog in force would change, and for how many people: the answer of `prefcenter plan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.catalog import Catalog
from prefcenter.domain.catalog_changes import Change, What
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.storage.catalogs import Planned
from prefcenter.storage.counts import Holders, holders, reachable
from prefcenter.storage.in_force import InForce
from prefcenter.use_cases.services import Services

#: Changes that people are asked about, or told of.
_TO_ASK = frozenset({What.NEW, What.REVIVED, What.MATERIAL})


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What changes in one purpose (`purpose` "": in the notice or the rules), and what follows for people."""

    purpose: str
    what: What
    details: Sequence[str]
    follows: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    lines: Sequence[Line]
    touched: Sequence[str]
    planned: Planned

    @property
    def refused(self) -> bool:
        return any(line.what is What.FORBIDDEN for line in self.lines)


async def plan_catalog(services: Services, wanted: Catalog, now: datetime) -> Plan:
    """Reads a few sums, writes nothing. Raises StorageUnavailable."""
    planned = await services.catalogs.plan(wanted, now)
    held = await holders(services.database)
    lines = []
    for (purpose, what), changes in _grouped(planned.changes).items():
        details = [change.detail.removeprefix(f"{purpose}: ") for change in changes]
        most = await reachable(services.database, purpose) if what in _TO_ASK else 0
        follows = tuple(_follows(planned.wanted.purposes.get(purpose), purpose, what, held, most))
        lines.append(Line(purpose=purpose, what=what, details=details, follows=follows))
    if planned.notice_in_force_at is not None:
        lines.append(_notice(planned, now))
    touched = tuple(_touched(planned, services.catalogs.in_force))
    return Plan(lines=lines, touched=touched, planned=planned)


def _grouped(changes: Sequence[Change]) -> dict[tuple[str, What], list[Change]]:
    groups: dict[tuple[str, What], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.purpose, change.what), []).append(change)
    return groups


def _follows(purpose: Purpose | None, key: str, what: What, held: Holders, most: int) -> Iterator[str]:
    """The consequences for people, in sentences."""
    yeses = sum(held.yeses.get(key, {}).values())
    if what is What.RETIRED:
        yield f"{_people(yeses)} said yes to it: kept as proof, and old unsubscribe links go on working"
    if what is What.MATERIAL and purpose is not None:
        stay = "stays" if yeses == 1 else "stay"
        yield f"becomes version {purpose.version}; {_people(yeses)} {stay} on what was agreed to, until a yes"
    if what in _TO_ASK and purpose is not None and purpose.is_a_choice:
        yield f"`prefcenter ask {key}` may mail {_people(most)} at the most; others are asked on their page"
        if purpose.in_force_at is not None:
            yield f"held back by the notice until {purpose.in_force_at:%Y-%m-%d %H:%M} UTC"
    if what is What.FORBIDDEN and yeses:
        yield f"{_people(yeses)} said yes to it as it is"
    if what in (What.NEW, What.REVIVED) and held.stops.get(key):
        yield f"{held.stops[key]} addresses have stopped it before: that holds"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people".replace(",", " ")


def _notice(planned: Planned, now: datetime) -> Line:
    notice, at = planned.wanted.notice, planned.notice_in_force_at
    assert notice is not None and at is not None
    when = "at once" if at <= now else f"on {at:%Y-%m-%d %H:%M} UTC, 30 days after people can read it"
    detail = f"{notice.version!r} ({notice.change}): in force {when}"
    return Line(purpose="", what=What.NOTICE, details=[detail])


def _touched(planned: Planned, before: InForce) -> Iterator[str]:
    """Connections and third parties that have to do with what changes, as it was or as it will be."""
    wanted = planned.wanted
    changed = {change.purpose for change in planned.changes if change.purpose}
    for key, spec in wanted.connections.items():
        names = sorted(changed & set(spec.purposes)) or [ANY] * (ANY in spec.purposes and bool(changed))
        if names:
            yield f"connection {key} ({spec.provider}): {', '.join(names)}"
    for key, recipient in {**before.recipients, **wanted.recipients}.items():
        names = sorted(
            name for name in changed if _has(wanted.purposes.get(name), key) or _has(before.find(name), key)
        )
        way = f"through {recipient.connection}" if recipient.connection else f"mail to {recipient.email}"
        if names:
            yield f"third party {key} ({recipient.name}, {way}): {', '.join(names)}"


def _has(purpose: Purpose | None, recipient: str) -> bool:
    return purpose is not None and recipient in purpose.recipients
