"""The `prefcenter` command. What each command does is in `prefcenter.commands`."""

from __future__ import annotations

import sys

# Each registers its commands, in the order in which `--help` shows them.
from prefcenter.cli import running, changing, lists, people, mistakes, connections, mail, keys  # isort: skip
from prefcenter.bootstrap import spare_the_collector
from prefcenter.cli.base import app, errors

__all__ = ["app", "changing", "connections", "keys", "lists", "mail", "main", "mistakes", "people", "running"]


def main() -> None:
    for argument in sys.argv[1:]:
        # Bytes that are no text come in as lone surrogates, which nothing can store.
        if not argument.isascii() and any("\ud800" <= char <= "\udfff" for char in argument):
            errors.print("an argument is not UTF-8 text", style="red")
            raise SystemExit(1)
    spare_the_collector()
    app()
