"""What somebody wrote themselves: the text above what they quote and above their signature."""

from __future__ import annotations

import re
from html import unescape

from prefcenter.mail.parts import Part

# Each is looked for in one line, as it begins; the text above the first that is found is the person's own.
_QUOTE = re.compile(
    r"""
    \s*>                                                    # > quoted
    | --\s*\Z                                               # the sign of a signature
    | \s*-{2,}\s*\w.{0,60}-{2,}\s*\Z                        # -----Original Message-----
    | \s*_{5,}\s*\Z                                         # ________
    | \s*\*?(?:From|Von|De|Da|Van|Från|Fra|Od|Sent|Gesendet|Envoyé|Enviado)\*?\s?:\s
    | .{0,300}\b(?:wrote|schrieb|écrit|escribió|escreveu|scritto|schreef|skrev|napisał|napsal)\s?:?\s*\Z
    """,
    re.VERBOSE,
)
#: "On Monday, Example <news@example.com>" goes on in the next line, which says "wrote:".
_QUOTE_BEGINS = re.compile(r"\s*(?:On|Am|Le|El|Il|Op|Em|Den|W dniu|Dne)\s.{0,200}\d")

_HTML_QUOTE = re.compile(
    r"<blockquote\b|<div[^<>]{0,200}(?:gmail_quote|moz-cite-prefix|yahoo_quoted|divRplyFwdMsg|"
    r"gmail_signature|appendonsend)",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"<(style|script|head|title)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr|/?h[1-6]|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def own_words(text: str) -> str:
    """Of a plain text."""
    own: list[str] = []
    for line in text.split("\n"):
        if _QUOTE.match(line):
            if own and _QUOTE_BEGINS.match(own[-1]):
                own.pop()
            break
        own.append(line)
    return "\n".join(own).strip()


def own_words_of(mail: Part) -> str:
    """Of a mail: of its first plain text, else of its first HTML."""
    texts = [part for part in mail.walk() if not part.is_attached]
    plain = next((part.text for part in texts if part.kind == "text/plain"), "")
    if plain.strip():
        return own_words(plain)
    html = next((part.text for part in texts if part.kind == "text/html"), "")
    return own_words(_as_text(_HTML_QUOTE.split(html, maxsplit=1)[0]))


def all_text(mail: Part) -> str:
    """Everything that is text in it, links with it, for whoever looks for tokens."""
    kinds = ("text/plain", "text/html")
    return "\n".join(part.text for part in mail.walk() if part.kind in kinds and not part.is_attached)


def _as_text(html: str) -> str:
    seen = _LINE_END.sub("\n", _UNSEEN.sub(" ", html))
    return unescape(_TAG.sub(" ", seen)).replace("\xa0", " ")
