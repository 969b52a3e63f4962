"""A request as it arrived, before anything is believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from email_hooks.errors import Malformed, NotAuthentic

Headers = Mapping[str, str] | Sequence[tuple[str, str]]

#: A query of ours has one or two parts.
_MOST_QUERY_FIELDS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class HookRequest:
    """`url` is whole, with its query. `body` is the raw bytes: most signatures cover them as they came.

    `headers` may be pairs, so that one that came twice is seen.
    """

    method: str
    url: str
    headers: Headers
    body: bytes

    def pairs(self) -> Iterable[tuple[str, str]]:
        return self.headers.items() if isinstance(self.headers, Mapping) else self.headers

    def header(self, name: str) -> str | None:
        """The header, found in any case. Raises NotAuthentic where it came twice: which one was meant?"""
        wanted = name.lower()
        found = [value for key, value in self.pairs() if key.lower() == wanted]
        if len(found) > 1:
            raise NotAuthentic(f"the header {name} is there twice")
        return found[0] if found else None

    def query(self, name: str) -> str | None:
        """A field of the query. Raises NotAuthentic where it came twice, Malformed where it is no query."""
        try:
            fields = parse_qsl(
                urlsplit(self.url).query, keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS
            )
        except ValueError as error:
            raise Malformed("the query of the address cannot be read") from error
        found = [value for key, value in fields if key == name]
        if len(found) > 1:
            raise NotAuthentic(f"the query has {name} twice")
        return found[0] if found else None
