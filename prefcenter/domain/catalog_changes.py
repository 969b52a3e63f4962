"""What a new catalog changes in the purposes of the applied one, and what of it may not simply be applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regime, Regimes


class What(StrEnum):
    """How much a change means to people who agreed to the purpose as it was."""

    NEW = "new"
    REVIVED = "revived"
    RETIRED = "retired"
    WORDING = "wording"
    MINOR = "minor"
    #: People agreed to less: a new version, on which each of them must be asked.
    MATERIAL = "material"
    #: Another processing altogether: needs a purpose of its own.
    FORBIDDEN = "forbidden"
    NOTICE = "notice"
    #: Rules of a jurisdiction.
    RULES = "rules"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    purpose: str
    what: What
    detail: str  # a sentence naming what was and what is wanted


#: A substantial change of the notice is in force this long after it was published and applied (R17).
NOTICE_PERIOD = timedelta(days=30)

_IDENTITY = ("kind", "basis")
_SCOPE = {"channels": "channel", "recipients": "third party", "data": "category of data"}
_WORDS = ("title", "description", "why")
_TERMS = ("double_opt_in", "require_proof", "similar_to_purchase", "category")


def compare(applied: Mapping[str, Purpose] | None, wanted: Mapping[str, Purpose]) -> tuple[Change, ...]:
    """Every change from `applied` (None: nothing yet) to `wanted`, in the latter's order, the retired last.

    `applied` holds the retired purposes too, so that taking one out and in again hides nothing. Version
    numbers are not compared: they are given when a catalog is applied.
    """
    before = applied or {}
    changes: list[Change] = []
    for key, purpose in wanted.items():
        if not purpose.retired:
            changes += _arrived_or_changed(before.get(key), purpose)
    for key, old in before.items():
        gone = key not in wanted or wanted[key].retired
        if gone and not old.retired:
            changes.append(
                _change(old, What.RETIRED, f"{old.title!r} is retired: nothing is sent for it any more")
            )
    return tuple(changes)


def changed_recipients(
    applied: Mapping[str, str], wanted: Mapping[str, str], purposes: Mapping[str, Purpose]
) -> tuple[Change, ...]:
    """Third parties (key to name) that became another one under the old key: nobody said yes to them."""
    return tuple(
        _change(
            purpose,
            What.FORBIDDEN,
            f"the third party {key!r} was {applied[key]!r} and is to be {wanted[key]!r}; use another key",
        )
        for purpose in purposes.values()
        for key in purpose.recipients
        if key in applied and key in wanted and applied[key] != wanted[key]
    )


def changed_rules(applied: Regimes, wanted: Regimes) -> tuple[Change, ...]:
    """The jurisdictions whose rules become other ones: by a release, or by an override of the operator's."""
    changes = []
    for name in sorted({*applied.rows, *wanted.rows}):
        was, now = applied.rows.get(name), wanted.rows.get(name)
        if was == now:
            continue
        if was is None or now is None:
            what = "has rules of its own now" if was is None else "has no rules of its own any more"
        else:
            names = [one for one in now.__slots__ if getattr(was, one) != getattr(now, one)]
            what = "changed: " + "; ".join(_rule_said(one, was, now) for one in names)
        changes.append(Change(purpose="", what=What.RULES, detail=f"rules of {name}: {what}"))
    return tuple(changes)


def _rule_said(name: str, was: Regime, now: Regime) -> str:
    if name == "cells":
        keys = sorted({*was.cells, *now.cells}, key=lambda key: (key[0], key[1] or ""))
        return ", ".join(
            " ".join(filter(None, key)) for key in keys if was.cells.get(key) != now.cells.get(key)
        )
    return f"{name} {_said(getattr(was, name))} to {_said(getattr(now, name))}"


def notice_in_force_at(published: date, *, substantial: bool, replaces_one: bool, now: datetime) -> datetime:
    """When a notice that is applied `now` takes effect: people have time to read what changes for them."""
    if not (substantial and replaces_one):
        return now
    return max(datetime.combine(published, time(), UTC), now) + NOTICE_PERIOD


def refusals(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes that may not be applied as they are."""
    return tuple(change for change in changes if change.what is What.FORBIDDEN)


def versioned(
    wanted: Mapping[str, Purpose],
    applied: Mapping[str, Purpose] | None,
    changes: Sequence[Change],
    *,
    in_force_at: datetime | None,
    now: datetime,
) -> dict[str, Purpose]:
    """The wanted purposes with their versions: a material change makes a new one, on which people are asked.

    `applied` None: this is the first catalog, and nobody's data is older. `in_force_at`: until when a new
    notice holds back what is new.
    """
    material = {change.purpose for change in changes if change.what is What.MATERIAL}
    made = {}
    for key, purpose in wanted.items():
        old = (applied or {}).get(key)
        if applied is None:
            made[key] = purpose
        elif old is None:
            made[key] = replace(purpose, since=now, in_force_at=in_force_at)
        elif key in material:
            made[key] = replace(
                purpose,
                version=old.version + 1,
                since=now,
                # What is changed before it began begins no sooner for that.
                in_force_at=max(filter(None, (in_force_at, old.in_force_at)), default=None),
                earlier=(*old.earlier, old.terms),
            )
        else:
            made[key] = replace(
                purpose,
                version=old.version,
                since=old.since,
                in_force_at=old.in_force_at,
                earlier=old.earlier,
            )
    return made


def _arrived_or_changed(old: Purpose | None, new: Purpose) -> Iterator[Change]:
    if old is None:
        yield _change(new, What.NEW, f"{new.title!r} is new: nobody has been asked yet")
        return
    if old.retired:
        yield _change(new, What.REVIVED, f"{new.title!r} was retired and is wanted again")
    yield from _identity(old, new)
    yield from _scope(old, new)
    yield from _wording(old, new)
    yield from _terms(old, new)


def _identity(old: Purpose, new: Purpose) -> Iterator[Change]:
    for name in _IDENTITY:
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            detail = f"its {name} was {_said(was)} and would be {_said(now)}: make it a new purpose"
            yield _change(new, What.FORBIDDEN, detail)


def _scope(old: Purpose, new: Purpose) -> Iterator[Change]:
    for name, noun in _SCOPE.items():
        was, now = getattr(old, name), getattr(new, name)
        both = f"(was {_listed(was)}, now {_listed(now)})"
        for added in (item for item in now if item not in was):
            detail = f"adds the {noun} {added} {both}: a new version, on which people are asked"
            yield _change(new, What.MATERIAL, detail)
        for removed in (item for item in was if item not in now):
            yield _change(new, What.MINOR, f"no longer has the {noun} {removed} {both}")


def _wording(old: Purpose, new: Purpose) -> Iterator[Change]:
    for name in _WORDS:
        yield from _differs(new, What.WORDING, name, getattr(old, name), getattr(new, name))
    for language in sorted({*old.translations, *new.translations}):
        was, now = old.translations.get(language), new.translations.get(language)
        for name in ("title", "description"):
            pair = (getattr(was, name, None), getattr(now, name, None))
            yield from _differs(new, What.WORDING, f"{name} in {language}", *pair)


def _terms(old: Purpose, new: Purpose) -> Iterator[Change]:
    for name in _TERMS:
        yield from _differs(new, What.MINOR, name, getattr(old, name), getattr(new, name))
    was, now = old.soft_opt_in, new.soft_opt_in
    if was is not None and now is not None:
        yield from _differs(new, What.WORDING, "soft_opt_in wording", was.wording, now.wording)
    days = (was.offered_since if was else None, now.offered_since if now else None)
    yield from _differs(new, What.MINOR, "soft_opt_in offered_since", *days)


def _differs(purpose: Purpose, what: What, name: str, was: object, now: object) -> Iterator[Change]:
    if was != now:
        yield _change(purpose, what, f"its {name} was {_said(was)} and is now {_said(now)}")


def _change(purpose: Purpose, what: What, detail: str) -> Change:
    return Change(purpose=purpose.key, what=what, detail=f"{purpose.key}: {detail}")


def _said(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "on" if value else "off"
        case StrEnum():
            return value.value
        case str():
            return repr(value)
        case _:
            return str(value)


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) or "none"
