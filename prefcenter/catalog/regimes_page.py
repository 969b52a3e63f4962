"""docs/regimes.md, made from the shipped rows: python -m prefcenter.catalog.regimes_page > docs/regimes.md"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from prefcenter.catalog.regimes import shipped_regimes
from prefcenter.domain.regime_rows import Row
from prefcenter.domain.regime_sources import Sourced
from prefcenter.domain.regime_values import NEVER, ONGOING, UNLIMITED, Place

_INTRO = """\
# Regimes: which country's rules apply

<!-- Made from prefcenter/domain/regimes.toml: python -m prefcenter.catalog.regimes_page > docs/regimes.md -->

Whether somebody may be written to without a yes, how long a yes lasts and from which age it is valid depend
on where they live. These are the rules that prefcenter ships, and where each comes from.

**They are engineering defaults, not legal advice.** Nobody who drew them up answers for their being right,
complete or up to date where you are. Have them looked at by somebody who does, and set what differs.

## How to read it

- A person's `country` fact finds the row: `DE`, or `US-CA` with a region. A region without a row of its own
  has its country's. Nothing known, or a country without a row: `STRICT`.
- A row that stands on another is as that one but for its own values. Where none of them says anything:
  consent first (`opt_in`) on every channel and for all processing, double opt-in, 16 years, and nothing
  expires.
- `cells.email.mode` is what a channel asks for before the first message: `opt_in` a yes, `opt_out` none
  until they object. `cells.email.corporate.mode` is that for corporate subscribers only; such a cell stands
  by itself. `processing` is the same for selling, sharing, tracking and profiling.
- `soft_opt_in` and `implied` name the kinds of relationship that stand in for a yes, and for how long after
  it ended (`ongoing`: no day). A soft opt-in needs similar goods and an offered opt-out too. `soft_since`:
  relationships that began earlier do not count.
- `expires` ends a yes; `review_due` only flags an answer that is still allowed; `remind_every` asks to tell
  people what they agreed to. Months are by the calendar.
- `honour_within` is for alarms: a stop takes effect at once, everywhere.

**Confidence** says how a value was checked on its day. **P**: the primary text was read (or it is
prefcenter's own choice, and says so). **S**: a secondary source was read, a law firm's note for example; or,
where the source says "text not read", prefcenter sets the value after the law that it names.
**K**: general knowledge, not verified. An unverified value takes the stricter reading, and its note says what
was not taken. Confirm S and K before you rely on them.

## How to set your own

In `prefcenter.toml`; each section needs its reason, and `prefcenter apply` puts it in force:

```toml
[regimes.FR]
expires = 24                      # months, or "never"
reason = "Our counsel's advice of 3 November 2026"

[regimes.GB.cells.email.corporate]
mode = "opt_out"
reason = "We write to companies only; checked on 5 November 2026"

[regimes.DE.cells.email]
soft_opt_in = { customer = 24 }   # months, "unlimited" or "ongoing"; {} for none
reason = "We let old customers be"
```

A row takes `processing`, `double_opt_in`, `expires`, `review_due`, `remind_every` and `digital_age`; a cell
`mode`, `soft_opt_in` and `implied`. What is set on `EU` reaches every row that stands on it, save where
that has a value of its own. A country without a row gets one that stands on `STRICT`; a region, one that
stands on its country's.
"""


def regimes_page() -> str:
    """The page as it has to be committed."""
    rows = shipped_regimes()
    told = [_told(row, rows) for row in rows.values() if row.values]
    bare = [row for row in rows.values() if not row.values]
    return "\n".join([_INTRO, *told, *_as_their_base(bare)])


def _told(row: Row, rows: Mapping[str, Row]) -> str:
    stands = f"Stands on `{row.base}` ({rows[row.base].title}).\n\n" if row.base else ""
    lines = [_line(place, held) for place, held in row.values.items()]
    head = "| key | value | confidence | checked | source | note |\n|---|---|---|---|---|---|\n"
    return f"## `{row.name}`: {row.title}\n\n{stands}{head}" + "".join(lines)


def _line(place: Place, held: Sourced) -> str:
    cells = (
        f"`{'.'.join(place)}`",
        _said(place[-1], held.value),
        held.confidence,
        held.checked.isoformat(),
        held.source,
        held.note or "",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _said(key: str, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return NEVER
        case int():
            return f"{value} years" if key == "digital_age" else f"{value} months"
        case Mapping():
            return ", ".join(f"`{kind}`: {_lasting(one)}" for kind, one in value.items()) or "none"
        case _:
            return f"`{value}`" if key in ("mode", "processing") else str(value)


def _lasting(value: Any) -> str:
    match value:
        case datetime():
            return f"since {value.date()}"
        case None:
            return UNLIMITED
        case 0:
            return ONGOING
        case _:
            return f"{value} months"


def _as_their_base(rows: Iterable[Row]) -> Iterable[str]:
    bases: dict[str, list[str]] = {}
    for row in rows:
        bases.setdefault(str(row.base), []).append(f"`{row.name}` {row.title}")
    for base, names in bases.items():
        yield f"## As `{base}`\n\nThese stand on `{base}` and have no value of their own:\n"
        yield "\n".join(f"- {name}" for name in names) + "\n"


if __name__ == "__main__":
    print(regimes_page(), end="")
