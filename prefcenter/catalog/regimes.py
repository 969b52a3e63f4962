"""The shipped rules of each jurisdiction, and a set of them in force as JSON, as the database keeps it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from prefcenter.catalog.parts import CatalogError
from prefcenter.domain.regime_json import canonical
from prefcenter.domain.regime_rows import Row, honour_within, parse_regimes
from prefcenter.domain.regimes import STRICT, Cell, Mode, Months, Regime, Regimes


class _StoredCell(msgspec.Struct, kw_only=True):
    channel: str
    subscriber: str | None = None
    mode: Mode
    soft_opt_in: dict[str, Months] = {}
    implied: dict[str, Months] = {}
    soft_since: dict[str, datetime] = {}


class _StoredRegime(msgspec.Struct, kw_only=True):
    name: str
    title: str = ""
    processing: Mode
    double_opt_in: bool
    expires: Months = None
    review_due: Months = None
    remind_every: Months = None
    digital_age: int
    cells: tuple[_StoredCell, ...] = ()


@cache
def shipped_regimes() -> Mapping[str, Row]:
    """The rows of regimes.toml, read once."""
    return parse_regimes(files("prefcenter.domain").joinpath("regimes.toml").read_text(encoding="utf-8"))


@cache
def shipped_periods() -> Mapping[str, str]:
    """Within what each row asks for a stop to be honoured (domain/deadlines.py): no operator sets another."""
    return honour_within(shipped_regimes())


def regimes_to_json(regimes: Regimes) -> bytes:
    """The same bytes for equal rows. Their SHA-256 is the digest of what `effective` made."""
    return canonical(regimes.rows)


def regimes_from_json(data: bytes) -> Regimes:
    """The regimes that `regimes_to_json` wrote; raises CatalogError on anything else."""
    try:
        stored = msgspec.json.decode(data, type=tuple[_StoredRegime, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogError((f"not stored regimes: {error}; apply the file again",)) from None
    rows = {one.name: _regime(one) for one in stored}
    if STRICT not in rows:
        raise CatalogError((f"not stored regimes: no row {STRICT}; apply the file again",))
    return Regimes(rows=MappingProxyType(rows), digest=hashlib.sha256(data).hexdigest())


def _regime(stored: _StoredRegime) -> Regime:
    said = msgspec.structs.asdict(stored)
    cells = {(cell.channel, cell.subscriber): _cell(cell) for cell in said.pop("cells")}
    return Regime(cells=MappingProxyType(cells), **said)


def _cell(stored: _StoredCell) -> Cell:
    return Cell(
        mode=stored.mode,
        soft_opt_in=MappingProxyType(stored.soft_opt_in),
        implied=MappingProxyType(stored.implied),
        soft_since=MappingProxyType(stored.soft_since),
    )
