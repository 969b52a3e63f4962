"""Regimes as canonical JSON: what their digest is taken of, and what is kept of a set in force."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prefcenter.domain.regimes import Cell, Regime


def canonical(regimes: Mapping[str, Regime]) -> bytes:
    """Rows as JSON: the same bytes for equal rows. What is empty is left out, so that a key which a later
    release adds does not change old digests."""
    plain = [_plain_row(regimes[name]) for name in sorted(regimes)]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _plain_row(regime: Regime) -> dict[str, Any]:
    plain = {
        "name": regime.name,
        "title": regime.title,
        "processing": regime.processing,
        "double_opt_in": regime.double_opt_in,
        "expires": regime.expires,
        "review_due": regime.review_due,
        "remind_every": regime.remind_every,
        "digital_age": regime.digital_age,
        "cells": [_plain_cell(*at, regime.cells[at]) for at in sorted(regime.cells, key=str)],
    }
    return {key: held for key, held in plain.items() if held not in (None, "", [])}


def _plain_cell(channel: str, subscriber: str | None, cell: Cell) -> dict[str, Any]:
    plain = {
        "channel": channel,
        "subscriber": subscriber,
        "mode": cell.mode,
        "soft_opt_in": dict(cell.soft_opt_in),
        "implied": dict(cell.implied),
        "soft_since": {kind: since.isoformat() for kind, since in cell.soft_since.items()},
    }
    return {key: held for key, held in plain.items() if held not in (None, {})}
