"""A list in blocks of rows, none of which has to fit into memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import NamedTuple

from prefcenter.domain.addresses import FINGERPRINT_BYTES, Fingerprinter
from prefcenter.tables.spool import Spool

#: Rows that are read back at a time.
_PIECE = 2_000


class ListRows(NamedTuple):
    """Some rows: their addresses, and their bytes as they stand in the file."""

    emails: list[str]
    raws: list[bytes]


class Block:
    """Rows on the disk; in memory the fingerprints of their addresses, and how long each row is.

    `places` has the place in the block of each address that is one.
    """

    def __init__(self) -> None:
        self.places = array("I")
        self._wides = bytearray()
        self._lengths = array("I")
        self._spool = Spool()

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def size(self) -> int:
        """Bytes of all rows."""
        return self._spool.size

    def add(self, rows: ListRows, fingerprinter: Fingerprinter) -> None:
        first = len(self._lengths)
        wides = fingerprinter.wides(rows.emails)
        places: Iterable[int] = range(first, first + len(wides))
        if None in wides:
            places = compress(places, [wide is not None for wide in wides])
        self.places.extend(places)
        self._wides += b"".join(filter(None, wides))
        self._lengths.extend(map(len, rows.raws))
        self._spool.add(b"".join(rows.raws))

    def addresses(self) -> Iterator[tuple[int, bytes]]:
        """The place and the wide fingerprint of each address."""
        wides = bytes(self._wides)
        begins = range(0, len(wides), FINGERPRINT_BYTES)
        return zip(self.places, (wides[at : at + FINGERPRINT_BYTES] for at in begins), strict=True)

    def pieces(self) -> Iterator[list[bytes]]:
        """All rows, in order, a few at a time."""
        at = 0
        for first in range(0, len(self), _PIECE):
            lengths = self._lengths[first : first + _PIECE]
            data = self._spool.read(at, sum(lengths))
            at += len(data)
            ends = 0
            yield [data[ends : (ends := ends + length)] for length in lengths]

    def rows_at(self, places: Iterable[int]) -> Iterator[bytes]:
        """The rows at these places, which are in order."""
        wanted = bytearray(len(self))
        for place in places:
            wanted[place] = 1
        for number, piece in enumerate(self.pieces()):
            yield from compress(piece, wanted[number * _PIECE : (number + 1) * _PIECE])
