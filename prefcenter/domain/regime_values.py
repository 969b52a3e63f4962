"""What each key of a regime's row may hold, and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any, NamedTuple, TypeGuard

from prefcenter.domain.purposes import Channel
from prefcenter.domain.regimes import Mode, Months
from prefcenter.domain.words import unknown

#: Kinds of relationship, as facts on a person have them.
KINDS = ("customer", "client_user", "inquiry", "negotiation", "member", "donor")
SUBSCRIBERS = ("individual", "corporate")
CHANNELS = tuple(map(str, Channel))

NEVER = "never"
UNLIMITED = "unlimited"
#: Only while the relationship is said to be ongoing: no month beyond.
ONGOING = "ongoing"

_CELLS = "cells"
_PERIOD = re.compile(r"[1-9][0-9]{0,2} (hours|days|working days|business days)")
_MOST_MONTHS = 1200
_ADULT = 18

#: Turns a value as TOML has it into the one that counts. Raises ValueError with one message or several.
Reader = Callable[[object], Any]


def _is_count(value: object, most: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _months(value: object) -> Months:
    if value == NEVER:
        return None
    if _is_count(value, _MOST_MONTHS):
        return value
    raise ValueError(f'must be whole months, such as 24, or "{NEVER}"')


def _age(value: object) -> int:
    if _is_count(value, _ADULT):
        return value
    raise ValueError(f"must be a whole number of years from 1 to {_ADULT}")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false, without quotes")


def _mode(value: object) -> Mode:
    if isinstance(value, str) and value in tuple(Mode):
        return Mode(value)
    raise ValueError(f"must be {' or '.join(Mode)}, in quotes")


def _period(value: object) -> str:
    if isinstance(value, str) and _PERIOD.fullmatch(value):
        return value
    raise ValueError('must be such as "24 hours", "10 business days" or "5 working days"')


def _lasting(value: object) -> Months:
    """How long a relationship stands in for a yes after it ended, or after the last that is known of it."""
    if value == UNLIMITED:
        return None
    if value == ONGOING:
        return 0
    if _is_count(value, _MOST_MONTHS):
        return value
    raise ValueError(f'must be whole months, such as 24, "{UNLIMITED}" or "{ONGOING}"')


def _since(value: object) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    raise ValueError("must be a day without quotes, such as 2026-02-05")


def _by_kind(read: Reader, example: str) -> Reader:
    def read_all(value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(
                f"must be a table from kinds of relationship, such as {{ customer = {example} }}"
            )
        wrong: list[str] = []
        held: dict[str, Any] = {}
        for kind, one in value.items():
            if kind not in KINDS:
                wrong.append("has an " + unknown(f"kind of relationship {kind!r}", kind, KINDS))
                continue
            try:
                held[kind] = read(one)
            except ValueError as error:
                wrong.append(f"of {kind} {error}")
        if wrong:
            raise ValueError(*wrong)
        return MappingProxyType(held)

    return read_all


#: What a row says for all of its channels.
ROW: Mapping[str, Reader] = {
    "processing": _mode,
    "double_opt_in": _switch,
    "expires": _months,
    "review_due": _months,
    "remind_every": _months,
    "digital_age": _age,
    "honour_within": _period,
}
#: What it says for one channel.
CELL: Mapping[str, Reader] = {
    "mode": _mode,
    "soft_opt_in": _by_kind(_lasting, "24"),
    "implied": _by_kind(_lasting, "24"),
    "soft_since": _by_kind(_since, "2026-02-05"),
}
#: For the deadlines of stops (deadlines.py); no decision asks for it.
DATA_ONLY = frozenset({"honour_within"})


#: Where a value stands in its row: ("expires",) or ("cells", "email", "corporate", "mode").
Place = tuple[str, ...]


class Section(NamedTuple):
    """A part of a row: the row itself, a cell, or a cell for one type of subscriber."""

    path: Place
    table: Mapping[str, Any]
    readers: Mapping[str, Reader]
    #: The names of the parts inside this one.
    inside: tuple[str, ...] = ()


def sections(table: Mapping[str, Any], problem: Callable[[Place, str], None]) -> Iterator[Section]:
    """The parts of a row as TOML has it, in its order; what is in the wrong place is a problem."""
    yield Section((), {key: held for key, held in table.items() if key != _CELLS}, ROW, (_CELLS,))
    for channel, cell in _inside(table, (_CELLS,), problem):
        path = (_CELLS, channel)
        if channel not in CHANNELS:
            problem(path, unknown(f"channel {channel!r}", channel, CHANNELS))
        elif not isinstance(cell, dict):
            problem(path, "must be a section")
        else:
            plain = {key: held for key, held in cell.items() if key not in SUBSCRIBERS}
            yield Section(path, plain, CELL, SUBSCRIBERS)
            for subscriber in (name for name in cell if name in SUBSCRIBERS):
                inside = dict(_inside(cell, (*path, subscriber), problem))
                yield Section((*path, subscriber), inside, CELL)


def _inside(
    table: Mapping[str, Any], path: Place, problem: Callable[[Place, str], None]
) -> Iterable[tuple[str, Any]]:
    held = table.get(path[-1], {})
    if isinstance(held, dict):
        return held.items()
    problem(path, "must be a section")
    return ()
