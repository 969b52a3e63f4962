"""Mailboxes as header fields and as SMTP envelopes (RFC 5321, 5322, 6531)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import idna

from prefcenter.mail.errors import MailError
from prefcenter.mail.fields import Field, one_line, phrase

#: RFC 5321 4.5.3.1, in octets; a path of 256 has two brackets.
LOCAL_PART_OCTETS, ADDRESS_OCTETS = 64, 254

_ATOM = r"[^\s()<>\[\]:;@\\,.\"\x00-\x1f\x7f]+"
_ADDRESS = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|\"(?:[^\"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*\")"
    rf"@(?P<domain>{_ATOM}(?:\.{_ATOM})*|\[[A-Za-z0-9:.]+\])"
)
_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>]*)>")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """One address with the name shown beside it; the domain is in its DNS form (A-labels)."""

    address: str
    name: str = ""

    @property
    def needs_smtputf8(self) -> bool:
        return not self.address.isascii()

    def field(self, header: str) -> Field:
        if not self.name:
            return Field(self.address, header)
        shown = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return Field(f'"{shown}" <{self.address}>', header, f"{phrase(self.name)} <{self.address}>")


def parse_mailbox(field: str, text: str) -> Mailbox:
    """`ada@example.com` or `Ada <ada@example.com>`; `MailError` naming `field` for anything else."""
    one_line(field, text)
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        return Mailbox(address=_address(field, text.strip()))
    return Mailbox(name=_unquoted(named["name"].strip()), address=_address(field, named["address"].strip()))


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return _ESCAPED.sub(r"\1", name[1:-1])
    return name


def _address(field: str, text: str) -> str:
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        raise MailError(field, "must be one email address, such as name@example.com")
    address = f"{parts['local']}@{_dns_form(field, parts['domain'])}"
    if len(parts["local"].encode()) > LOCAL_PART_OCTETS or len(address.encode()) > ADDRESS_OCTETS:
        raise MailError(field, f"is longer than an address may be ({ADDRESS_OCTETS} octets)")
    return address


def _dns_form(field: str, domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        pass
    raise MailError(field, "has a domain that is not valid in the DNS (IDNA)")
