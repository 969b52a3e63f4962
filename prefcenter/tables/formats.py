"""The shape of a recognised format: which column is read as what, and what a row says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row says. `action` None: facts at most, with the reason in `why`.

    `everywhere`: whatever purpose the file is imported for, it is a stop of all marketing. `if_declared`:
    a yes only where the operator declares how and with which words it was given. `channel`: whatever the row
    says. `is_bad`: nothing that can be read.
    """

    action: str | None = None
    everywhere: bool = False
    if_declared: bool = False
    channel: str | None = None
    is_bad: bool = False
    why: str = ""


GIVE = Verdict("give")
#: A stop of the purpose of the import, or of all marketing.
STOP = Verdict("stop")
STOP_ALL = Verdict("stop", everywhere=True)
#: Both are of mail, and no purpose is asked for.
BOUNCE = Verdict("bounce", everywhere=True, channel="email")
COMPLAIN = Verdict("complain", everywhere=True, channel="email")
FACTS = Verdict(why="the row says nothing that is recorded")
DECLARED = Verdict(
    "give", if_declared=True, why="the file does not say how and when they said yes; --declare can"
)

NO = frozenset({"", "0", "false", "no", "n", "none"})


@dataclass(frozen=True, slots=True)
class Rule:
    """If the cell of `column` is one of `words` (or, `unless`, is filled with anything else), the row says
    `verdict`. A `*` in `column` stands for anything: several columns may fit. Words are compared in lower
    case, with spaces for `_` and `-`."""

    column: str
    words: frozenset[str]
    verdict: Verdict
    unless: bool = False


def flag(column: str, verdict: Verdict) -> Rule:
    """Filled, and not with a no. What cannot be read counts as set: the safe side of an opt-out."""
    return Rule(column, NO, verdict, unless=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """Names of columns are in lower case; where several are named, the first that is filled counts.

    `needs`: of each group, the header has at least one. `only`: and it has nothing but columns named here.
    `named`: a word of the file's name that decides where two formats look alike. `given_at`, `stopped_at`:
    when a yes or a stop happened (a column that only says when the row was made dates no stop). `facts` and
    `evidence` map our fields to columns; `words` translate the cells of a field, and drop the others. `utc`:
    the tool says that its times without a zone are UTC. `own`: prefcenter's, where a row may name its purpose
    and channel, and times have a zone.
    """

    name: str
    title: str
    needs: tuple[tuple[str, ...], ...]
    email: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    otherwise: Verdict = FACTS
    given_at: tuple[str, ...] = ()
    stopped_at: tuple[str, ...] = ()
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    words: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    only: bool = False
    named: str = ""
    utc: bool = False
    own: bool = False

    @property
    def yes_without_purpose(self) -> bool:
        """Whether rows say yes, and only the import's purpose can say to what."""
        return not self.own and self.otherwise is GIVE
