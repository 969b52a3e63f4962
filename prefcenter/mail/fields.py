"""Header fields as they go on the wire: checked, encoded where needed, folded only at their own spaces."""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.policy import Policy
from typing import Self

from prefcenter.mail.errors import MailError

#: RFC 5322 2.1.1, in octets.
LINE_SHOULD, LINE_MUST = 78, 998

#: Control, surrogate, line and paragraph separator: all that can end a header line somewhere.
_LINE_BREAKERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BREAK = re.compile(r"(?<=\S) (?=\S)")


def one_line(field: str, text: str) -> str:
    """`text` itself, or `MailError` where it could end a header line or cannot be encoded."""
    if not (text.isascii() and text.isprintable()) and any(
        unicodedata.category(character) in _LINE_BREAKERS for character in text
    ):
        raise MailError(field, "must be one line of text without control characters")
    return text


class Field(str):
    """A header field: as a string what people read, with `wire` what is sent.

    The standard library re-encodes long values by RFC 2047, which makes a link unusable
    (RFC 2369 forbids it); it leaves a value alone that has `name` and `fold`.
    """

    name: str
    wire: str

    def __new__(cls, value: str, name: str = "", wire: str | None = None) -> Self:
        field = super().__new__(cls, one_line(name, value))
        field.name, field.wire = name, one_line(name, value if wire is None else wire)
        if max(len(word.encode()) for word in field._words()) >= LINE_MUST:
            raise MailError(name, f"has a part longer than a line of mail may be ({LINE_MUST} octets)")
        return field

    def fold(self, *, policy: Policy) -> str:
        """The field with its line endings; breaks stand only where the value has a single space."""
        first, *rest = self._words()
        lines = [first]
        for word in rest:
            longer = f"{lines[-1]} {word}"
            if len(longer.encode()) >= LINE_SHOULD:
                lines.append(word)
            else:
                lines[-1] = longer
        return f"{policy.linesep} ".join(lines) + policy.linesep

    def _words(self) -> list[str]:
        """The name stays on the line of the first word: a bare `Name:` line confuses some readers."""
        first, *rest = _BREAK.split(self.wire)
        return [f"{self.name}: {first}", *rest]


def encoded(text: str) -> str:
    """`text` as RFC 2047 encoded words, safe in a phrase too."""
    return " ".join(Header(text, "utf-8").encode().split())


def unstructured(name: str, text: str) -> Field:
    """A field of free text, such as a subject."""
    one_line(name, text)
    plain = text.isascii() and text.isprintable() and "=?" not in text
    readable = (
        plain and text == " ".join(text.split()) and all(len(word) <= LINE_SHOULD for word in text.split())
    )
    return Field(text, name, text if readable else encoded(text))


def phrase(text: str) -> str:
    """A display name or list title, quoted, or as encoded words where it is not plain ASCII."""
    if not text.isascii() or "=?" in text:
        return encoded(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
