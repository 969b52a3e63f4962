"""A file or standard input as UTF-8 bytes, whichever Unicode encoding it has."""

from __future__ import annotations

import codecs
import io
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prefcenter.tables.errors import TableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 256 * 1024  # bytes
STANDARD_INPUT = "standard input"

_FORMS = 'save it as "CSV UTF-8"'
#: How a file begins, and its encoding. UTF-32 comes first: its mark begins like that of UTF-16.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TABLES = (
    (b"PK\x03\x04", f"is a zip archive or a workbook, not CSV; unpack it, or {_FORMS}"),
    (b"\x1f\x8b", "is compressed (gzip); unpack it"),
    (b"%PDF", f"is a PDF; {_FORMS} from where it comes from"),
    (b"\xd0\xcf\x11\xe0", f"is an old Excel workbook, not CSV; {_FORMS}"),
)


class Utf8Source(io.RawIOBase):
    """The bytes of `source` as UTF-8 without a byte order mark. `encoding` is what it was in;
    `bytes_read` counts what was taken from it, a block ahead of what was used."""

    def __init__(self, source: io.BufferedIOBase, name: str) -> None:
        self._source = source
        self._name = name
        start = source.read(4)
        self.bytes_read = len(start)
        _refuse_other_files(start, name)
        mark, self.encoding = next((m for m in _MARKS if start.startswith(m[0])), (b"", "utf-8"))
        if self.encoding == "utf-32":
            raise TableError(f"{name}: is UTF-32; {_FORMS}")
        self._decoder: codecs.IncrementalDecoder | None = None
        if self.encoding.startswith("utf-16"):
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
        self._pending = start[len(mark) :]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        into = memoryview(buffer).cast("B")
        data = self._take(len(into)) if self._decoder is None else self._recoded(self._decoder, len(into))
        into[: len(data)] = data
        return len(data)

    def _take(self, most: int) -> bytes:
        if self._pending:
            data, self._pending = self._pending[:most], self._pending[most:]
            return data
        try:
            data = self._source.read1(most)
        except OSError as error:
            raise TableError(f"{self._name}: {error.strerror}") from error
        self.bytes_read += len(data)
        return data

    def _recoded(self, decoder: codecs.IncrementalDecoder, most: int) -> bytes:
        while True:
            # Two bytes of UTF-16 become at most three of UTF-8.
            data = self._take(most // 2)
            try:
                found = decoder.decode(data, final=not data).encode()
            except UnicodeDecodeError as error:
                raise TableError(f"{self._name}: is damaged UTF-16 ({error.reason}); {_FORMS}") from error
            if found or not data:
                return found


def _refuse_other_files(start: bytes, name: str) -> None:
    for magic, why in _NO_TABLES:
        if start.startswith(magic):
            raise TableError(f"{name}: {why}")


def open_bytes(path: Path | None, stack: ExitStack) -> tuple[io.BufferedIOBase, str, int | None]:
    """What is read, its name in messages, and its size in bytes (None: not known, a pipe).

    `path` None or `-`: standard input, which stays open. Raises TableError.
    """
    if path is None or str(path) == "-":
        return cast(io.BufferedIOBase, sys.stdin.buffer), STANDARD_INPUT, None
    try:
        file = stack.enter_context(path.open("rb"))
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from error
    return file, str(path), size
