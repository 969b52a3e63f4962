"""A mail taken apart as it came: bounded in size, depth and number of parts, and never an exception.

The parts are found here, one level at a time: the standard library parses all of them, nested as they are,
and fails on some. Header fields are the standard library's.
"""

from __future__ import annotations

import quopri
import re
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from itertools import islice

#: Of a mail as a whole, in octets; what is beyond is not looked at.
MOST_OCTETS = 10 * 1024 * 1024
_MOST_HEAD, _MOST_TEXT, _MOST_VALUE = 256 * 1024, 64 * 1024, 4_000
_MOST_PARTS, _MOST_WALKED, _DEEPEST = 50, 100, 6

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_FIRST_LINE = re.compile(rb"[^\n]*\n?")
_PARAMETER = re.compile(r';\s*+([A-Za-z-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))')
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


@dataclass(frozen=True, slots=True)
class Part:
    """A mail, or a part of one. `headers`: names in lower case, values unfolded, otherwise as they came."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Of every field of that name, in order."""
        return [value for field, value in self.headers if field == name]

    def value(self, name: str) -> str:
        """Of the first field of that name; empty where there is none."""
        return next((value for field, value in self.headers if field == name), "")

    @property
    def kind(self) -> str:
        """The media type in lower case; `text/plain` where none is stated (RFC 2045 5.2)."""
        stated = self.value("content-type").partition(";")[0].strip().lower()
        return stated or "text/plain"

    def parameter(self, name: str) -> str:
        """Of the content type."""
        found = _PARAMETER.finditer(self.value("content-type")[:_MOST_VALUE])
        return next((one[2] or one[3] or "" for one in found if one[1].lower() == name), "")

    @property
    def is_attached(self) -> bool:
        return self.value("content-disposition").strip().lower().startswith("attachment")

    @property
    def content(self) -> bytes:
        """The body without its transfer encoding, as far as it can be read."""
        decode = _DECODERS.get(self.value("content-transfer-encoding").strip().lower())
        return self.body if decode is None else decode(self.body)

    @property
    def text(self) -> str:
        """The body as text with `\\n` at the end of lines; its first 64 KiB."""
        charset = self.parameter("charset") or "utf-8"
        octets = self.content[:_MOST_TEXT]
        try:
            text = octets.decode(charset, "replace")
        except (LookupError, ValueError):
            text = octets.decode("utf-8", "replace")
        return text.replace("\r\n", "\n")

    def children(self) -> list[Part]:
        """The parts right inside; none of what is no multipart."""
        boundary = self.parameter("boundary")
        if not self.kind.startswith("multipart/") or not boundary:
            return []
        return [read_part(piece) for piece in _pieces(self.body, boundary.encode("utf-8", "replace"))]

    def walk(self) -> Iterator[Part]:
        """Itself and the parts in it, the outer before the inner: a few levels, at most a hundred."""
        return islice(self._walk(0), _MOST_WALKED)

    def _walk(self, depth: int) -> Iterator[Part]:
        yield self
        if depth < _DEEPEST:
            for child in self.children():
                yield from child._walk(depth + 1)


def read_mail(raw: bytes) -> Part:
    """A whole mail. What a mail server wrote above it in the form of a mailbox file (`From …`) becomes a
    Return-Path, which it says the same as."""
    raw = raw[:MOST_OCTETS]
    if not raw.startswith(b"From "):
        return read_part(raw)
    envelope = _FIRST_LINE.match(raw)
    assert envelope is not None
    mail = read_part(raw[envelope.end() :])
    sender = [*envelope[0].decode("utf-8", "replace").split(), ""][1]
    null = sender.lower() in ("<>", "mailer-daemon")
    return Part((("return-path", "<>" if null else f"<{sender}>"), *mail.headers), mail.body)


def read_part(raw: bytes) -> Part:
    if raw.startswith((b"\n", b"\r\n")):
        return Part((), raw.lstrip(b"\r\n"))
    ends = _HEAD_ENDS.search(raw)
    head, body = (raw[: ends.start()], raw[ends.end() :]) if ends else (raw, b"")
    return Part(_headers(head[:_MOST_HEAD]), body)


def fields_in(block: bytes) -> Part:
    """A block of fields without a body, as the groups of a report are."""
    return Part(_headers(block.strip()[:_MOST_HEAD]), b"")


def decoded(value: str) -> str:
    """The text of a header value, its encoded words (RFC 2047) read; as it is where they cannot be."""
    value = value[:_MOST_VALUE]
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def unfolded(value: object) -> str:
    """A raw header value of the `email` package as one line of text that can be encoded."""
    text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _FOLD.sub("", text)


def _headers(head: bytes) -> tuple[tuple[str, str], ...]:
    message = BytesHeaderParser().parsebytes(head)
    return tuple((name.lower(), unfolded(value).strip()) for name, value in message.raw_items())


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the boundary's lines; the last piece ends with the mail, should it be cut off."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    begins: int | None = None
    number = 0
    for found in line.finditer(body):
        if begins is not None:
            yield _after_line_end(body[begins : found.start()])
            number += 1
        if found[1] or number == _MOST_PARTS:
            return
        begins = found.end()
    if begins is not None:
        yield _after_line_end(body[begins:])


def _after_line_end(piece: bytes) -> bytes:
    return piece.removeprefix(b"\r").removeprefix(b"\n")


def _from_base64(body: bytes) -> bytes:
    letters = _NOT_BASE64.sub(b"", body)
    # One letter alone holds no octet.
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return a2b_base64(letters + b"=" * (-len(letters) % 4))


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": _from_base64,
    "quoted-printable": quopri.decodestring,
}
