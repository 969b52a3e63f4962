"""Email addresses: their forms, the keyed fingerprints they are found by, and how they are masked.

Stops match widely (every spelling), a yes matches narrowly (one mailbox) (docs/decisions/0004).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

import idna

FINGERPRINT_BYTES = 16
MAX_LOCAL_OCTETS = 64
MAX_ADDRESS_OCTETS = 254

# RFC 5321 dot-string, LDH labels with at least one dot, a last label that is no number.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ASCII = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_UTF8_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_UTF8_LOCAL = re.compile(rf"{_UTF8_ATOM}(?:\.{_UTF8_ATOM})*")
# Of lines, those that are addresses of the most usual sort, in lower case: part of what _ASCII takes. The
# doubled signs take no second look, which would make a long list of others slow.
_PART, _HOST = r"[a-z0-9_+-]++", r"[a-z0-9]++(?:-[a-z0-9]++)*+"
_USUAL_LINES = re.compile(rf"^(?:({_PART}(?:\.{_PART})*+@(?:{_HOST}\.)++[a-z]++)|.*)$", re.MULTILINE)

#: Addresses of these channels share one space: a number is the same person by text and by voice.
_SPACE = {"email": b"email", "sms": b"tel", "phone": b"tel", "push": b"push", "post": b"post"}


class InvalidAddress(ValueError):
    """Not an email address; the message says what is wrong and never repeats the address."""


class EmailAddress(NamedTuple):
    """`narrow`: exact local part at the lower-case A-label domain. `wide`: also NFKC and case-folded."""

    narrow: str
    wide: str


class Fingerprints(NamedTuple):
    """What an address is found by: 16 bytes each, keyed with the pepper."""

    narrow: bytes
    wide: bytes


def parse_email(text: str) -> EmailAddress:
    """Read one address by RFC 5321/6531. Raises InvalidAddress."""
    if len(text) > 4 * MAX_ADDRESS_OCTETS:
        raise InvalidAddress("an email address has at most 254 octets")
    wide = text.lower()
    if not _is_usual(text) or "xn--" in wide:
        return _parse_unusual(text.strip(" "))
    if wide == text:
        return EmailAddress(text, text)
    local, _, domain = text.rpartition("@")
    return EmailAddress(f"{local}@{domain.lower()}", wide)


def _is_usual(text: str) -> bool:
    # Up to 64 characters the part before the @ cannot be too long; longer ones are looked at closely.
    return len(text) <= MAX_LOCAL_OCTETS and _ASCII.fullmatch(text) is not None


def _parse_unusual(address: str) -> EmailAddress:
    local, at, domain = address.rpartition("@")
    if not at:
        raise InvalidAddress("an email address needs an @")
    local = unicodedata.normalize("NFC", local)
    if not _UTF8_LOCAL.fullmatch(local) or not _printable(local):
        raise InvalidAddress("the part before the @ has characters that mail does not allow")
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise InvalidAddress("the part before the @ is longer than 64 octets")
    if not domain or len(domain) > MAX_ADDRESS_OCTETS or not _printable(domain):
        raise InvalidAddress("the part after the @ is not a domain name")
    domain = _ascii_domain(domain)
    wide = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())
    if not _ASCII.fullmatch(f"a@{domain}") or len(local.encode()) + len(domain) + 1 > MAX_ADDRESS_OCTETS:
        raise InvalidAddress("the part after the @ is not a domain name")
    return EmailAddress(f"{local}@{domain}", f"{wide}@{domain}")


def _printable(text: str) -> bool:
    """No controls, separators, surrogates, bidi overrides or unassigned characters."""
    return all(unicodedata.category(char)[0] not in "CZ" for char in text)


def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidAddress("the part after the @ is not a domain name") from error


class Fingerprinter:
    """Keyed fingerprints of addresses: BLAKE2b as a MAC (RFC 7693 2.9), 16 bytes.

    The pepper never changes: stops are found by it after erasure and over every key rotation.
    """

    def __init__(self, pepper: bytes) -> None:
        key = hashlib.blake2b(pepper, person=b"prefcenter fp").digest()
        self._begun = {
            channel: hashlib.blake2b(digest_size=FINGERPRINT_BYTES, key=key, person=space).copy
            for channel, space in _SPACE.items()
        }
        self._email = self._begun["email"]

    def of_form(self, channel: str, form: str) -> bytes:
        keyed = self._begun[channel]()
        keyed.update(form.encode())
        return keyed.digest()

    def of_email(self, address: EmailAddress) -> Fingerprints:
        found = self.of_form("email", address.wide)
        if address.narrow == address.wide:
            return Fingerprints(found, found)
        return Fingerprints(self.of_form("email", address.narrow), found)

    def of_text(self, text: str) -> Fingerprints:
        """`of_email(parse_email(text))`, sooner for an address of the usual form. Raises InvalidAddress."""
        # This runs once for every recipient of every mailing.
        if not text.islower() or not _is_usual(text) or "xn--" in text:
            return self.of_email(parse_email(text))
        keyed = self._email()
        keyed.update(text.encode())
        found = keyed.digest()
        return Fingerprints(found, found)

    def wides(self, texts: Sequence[str]) -> list[bytes | None]:
        """The wide fingerprint of each, by `of_text`, sooner for many; None for what is no address."""
        return [
            usual or (self.of_form("email", parsed.wide) if (parsed := _parsed(text)) else None)
            for text, usual in zip(texts, self._of_usual(texts), strict=True)
        ]

    def of_texts(self, texts: Sequence[str]) -> list[Fingerprints | None]:
        """Each by `of_text`, sooner for many; None for what is no address."""
        return [
            Fingerprints(usual, usual)
            if usual
            else (self.of_email(parsed) if (parsed := _parsed(text)) else None)
            for text, usual in zip(texts, self._of_usual(texts), strict=True)
        ]

    def _of_usual(self, texts: Sequence[str]) -> list[bytes | None]:
        """Of those whose spelling is the usual one, which is narrow and wide in one."""
        usual = _USUAL_LINES.findall("\n".join(texts))
        if len(usual) != len(texts):
            return [None] * len(texts)
        found: list[bytes | None] = []
        begun = self._email
        for address in usual:
            if address and len(address) <= MAX_LOCAL_OCTETS:
                keyed = begun()
                keyed.update(address.encode())
                found.append(keyed.digest())
            else:
                found.append(None)
        return found


def _parsed(text: str) -> EmailAddress | None:
    try:
        return parse_email(text)
    except InvalidAddress:
        return None


class HasNarrow(Protocol):
    @property
    def narrow(self) -> bytes: ...


Contact = TypeVar("Contact", bound=HasNarrow)


def whose(narrow: bytes | None, alike: Sequence[Contact]) -> tuple[Contact | None, str | None]:
    """Which contact point of one wide form is meant; "spelling" says that its spelling differs.

    Another spelling counts where there is only one person it can be.
    """
    for contact in alike:
        if contact.narrow == narrow:
            return contact, None
    return (alike[0], "spelling") if len(alike) == 1 else (None, None)


def mask(address: str) -> str:
    """`j•••@example.org`: enough to recognise one's own, too little for a stranger."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
