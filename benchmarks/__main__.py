"""`python -m benchmarks [NAME...]`: measure, print a table, and fail if a promise is missed."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import (
    decisions,
    filtering,
    hooks,
    importing,
    links,
    one_click,
    pushes,
    reconciling,
    size,
    undisturbed,
    webhooks,
)
from benchmarks.report import Figure
from benchmarks.servers import has_wrk

BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "links": links.main,
    "one-click": one_click.main,
    "size": size.main,
    "webhooks": webhooks.main,
    "hooks": hooks.main,
    "pushes": pushes.main,
    "reconcile": reconciling.main,
    "decisions": decisions.main,
    "filter": filtering.main,
    "import": importing.main,
    "undisturbed": undisturbed.main,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    if not has_wrk():
        print("wrk is missing; on Debian: sudo apt-get install wrk", file=sys.stderr)
        return 2
    figures = []
    for name in names or BENCHES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        measured = BENCHES[name]()
        figures += measured
        for figure in measured:
            print("  " + figure.line(), file=sys.stderr, flush=True)
    print("| what | figure | promised | | measured |\n| --- | --- | --- | --- | --- |")
    for figure in figures:
        print(figure.line())
    return 1 if any(figure.kept is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
