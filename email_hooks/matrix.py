"""The page of all providers: python -m email_hooks.matrix > docs/providers/README.md"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from email_hooks.events import ALL
from email_hooks.provider import Capabilities
from email_hooks.registry import PROVIDERS

#: The cells of one provider, after its name.
_Cells = Callable[[Capabilities], tuple[str, ...]]

_INTRO = """\
# Mailing providers: what each can do

<!-- Made from email_hooks/providers: python -m email_hooks.matrix > docs/providers/README.md -->

Each page says how to set a provider up, what it tells, what it can be told, what it cannot do, and what
was not confirmed against a live account. Another one: [adding a provider](../adding-a-provider.md). What
prefcenter makes of it all: [both ways](../sync.md).
"""
_LEGEND = """\
- **lets in**: what shows that a request is from there. A *shared secret* is a login (`basic`) or a `secret`
  of yours, and is required; beside a *signature* it may be asked for too.
- **probes**: methods that are answered `200` without either, as the webhook is made.
- **tells**: whether opt-outs are reported. Where they are not, only the comparison of lists finds them.
- **stops**, **resumes**, **lists**: the scopes on which it can be told to stop, to take that back, and asked
  whom it holds back. Where it has no scope `all`, a purpose mapped to `all` goes to every other mapped scope.
"""
_LIMITS = """\
- **addresses a call**: the most in one call of `push`; *back* where fewer can be taken back at once.
- **at once**, **a second**: the most calls of `push` that it is held to; one may be several requests there.
- **settles**: how long what was pushed takes to show in the provider's list.
"""


def matrix_page() -> str:
    """The page as it has to be committed."""
    return (
        "\n".join(
            [
                _INTRO,
                _table(("provider", "lets in", "probes", "tells", "stops", "resumes", "lists"), _doing),
                _LEGEND,
                _table(("provider", "addresses a call", "at once", "a second", "settles"), _limits),
                _LIMITS,
            ]
        ).rstrip("\n")
        + "\n"
    )


def _table(head: tuple[str, ...], cells_of: _Cells) -> str:
    rows = [(f"[{name}]({name}.md)", *cells_of(PROVIDERS[name].capabilities)) for name in sorted(PROVIDERS)]
    lines = [" | ".join(row) for row in (head, *rows)]
    rule = "|".join(["---"] * len(head))
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])]) + "\n"


def _doing(can: Capabilities) -> tuple[str, ...]:
    return (
        "signature" if can.signed else "shared secret",
        ", ".join(sorted(can.probes)) or "-",
        "yes" if can.tells else "no",
        _scopes(can.stops),
        _scopes(can.resumes),
        _scopes(can.lists),
    )


def _limits(can: Capabilities) -> tuple[str, ...]:
    back = "" if can.batch_resumes is None else f"; {can.batch_resumes} back"
    return (
        f"{can.batch}{back}",
        str(can.parallel),
        f"{can.per_second:g}",
        f"{can.settles} s" if can.settles else "-",
    )


def _scopes(kinds: Iterable[str]) -> str:
    return ", ".join(f"`{ALL}`" if kind == ALL else f"`{kind}:…`" for kind in sorted(kinds)) or "-"


if __name__ == "__main__":
    print(matrix_page(), end="")
