"""Rows that wait on the disk until it is known what becomes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import finalize

from prefcenter.tables.errors import TableError


class Spool:
    """Bytes in a file without a name: nobody else can open it, and it goes with this object."""

    def __init__(self) -> None:
        self.size = 0
        with _clear_errors():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        finalize(self, self._file.close)

    def add(self, data: bytes) -> None:
        """Raises TableError."""
        with _clear_errors():
            self._file.write(data)
        self.size += len(data)

    def read(self, begins: int, size: int) -> bytes:
        """Raises TableError."""
        with _clear_errors():
            self._file.seek(begins)
            return self._file.read(size)


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir()
        why = f"{error.strerror}; rows wait there until they are decided on. Set TMPDIR to a folder with room"
        raise TableError(f"{where}: {why}") from error
