"""Physical lines of UTF-8 text, and where in it one is."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator

from prefcenter.tables.errors import TableError
from prefcenter.tables.text import BLOCK

MAX_RECORD = 1024 * 1024  # bytes
MAX_AT_HAND = 64 * 1024  # bytes of lines that are taken at once
MAX_LINES = 1000  # of one record, by line breaks in quotes


class Unreadable(Exception):
    """A record that cannot be taken apart; the message says why."""


class Lines:
    """Hands out lines, and takes back those of a record that came to nothing.

    `line` and `position` count what was settled: lines and bytes (of the text as UTF-8, without a mark)
    up to the end of the last record.
    """

    def __init__(self, text: io.BufferedReader, name: str) -> None:
        self.name = name
        self.line = 0
        self.position = 0
        self._text = text
        self._taken: list[bytes] = []
        self._size = 0
        self._again: deque[bytes] = deque()

    def pull(self) -> Iterator[str]:
        """One line after the other; what was pulled is unsettled. Raises Unreadable, and TableError for
        what is no UTF-8; after either, pull anew."""
        # A line a turn, a million times: the names are local and the usual line passes three tests.
        taken, readline = self._taken, self._text.readline
        while raw := self._again.popleft() if self._again else readline(MAX_RECORD + 1):
            taken.append(raw)
            self._size += len(raw)
            if self._size > MAX_RECORD or len(taken) > MAX_LINES:
                raise Unreadable(_too_long(len(taken)))
            if b"\0" in raw:
                raise Unreadable("holds a NUL character")
            try:
                yield raw.decode()
            except UnicodeDecodeError as error:
                raise self.not_utf8() from error

    def pull_at_hand(self) -> tuple[list[str], list[bytes]]:
        """The whole lines that have been read already, all at once: as text without their ends, and as they
        are. None where one of them takes a closer look, by `pull`."""
        if self._again:
            return [], []
        whole = self._text.peek()[:MAX_AT_HAND]
        whole = whole[: whole.rfind(b"\n") + 1]
        raw = whole.splitlines(keepends=True)
        try:
            lines = whole.decode().split("\n")[:-1]
        except UnicodeDecodeError:
            return [], []
        if b"\0" in whole or len(raw) != len(lines):
            # The latter by a bare carriage return.
            return [], []
        self._text.read(len(whole))
        self._taken += raw
        self._size += len(whole)
        return lines, raw

    def settle(self) -> bytes:
        """What was pulled was a record; returns its bytes."""
        taken = self._taken
        raw = taken[0] if len(taken) == 1 else b"".join(taken)
        self.line += len(taken)
        self.position += self._size
        self._forget()
        return raw

    def give_up(self) -> None:
        """What was pulled was none: its first line is passed over, the others come again."""
        first = self._taken[0]
        self._again.extendleft(reversed(self._taken[1:]))
        self._forget()
        self.line += 1
        self.position += len(first)
        if len(first) > MAX_RECORD and not first.endswith(b"\n"):
            self._pass_over_the_rest()

    def _pass_over_the_rest(self) -> None:
        while rest := self._text.readline(BLOCK):
            self.position += len(rest)
            if rest.endswith(b"\n"):
                return

    def put_back(self) -> None:
        """As if nothing had been pulled."""
        self._again.extendleft(reversed(self._taken))
        self._forget()

    def _forget(self) -> None:
        self._taken.clear()
        self._size = 0

    def not_utf8(self) -> TableError:
        where = f"{self.name}, line {self.line + len(self._taken)}"
        return TableError(f'{where}: not UTF-8; save the file as "CSV UTF-8"')

    def skip_to(self, start: int) -> None:
        """Go on after the record whose `position` was `start`. Raises TableError if none ends there."""
        last = b"\n"
        while self.position < start:
            block = self._block(min(BLOCK, start - self.position))
            if not block:
                raise TableError(f"{self.name}: is shorter than it was; begin anew with the file as it is")
            self.position += len(block)
            self.line += block.count(b"\n")
            last = block[-1:]
        if self.position != start or (last != b"\n" and self._text.peek(1)):
            raise TableError(f"{self.name}: has changed since; begin anew with the file as it is")

    def _block(self, most: int) -> bytes:
        return self._again.popleft() if self._again else self._text.read(most)


def _too_long(lines: int) -> str:
    if lines == 1:
        return "line too long (more than 1 MiB)"
    return "a quote is opened and not closed within 1 MiB and 1000 lines"
