"""Which addresses an outgoing request may reach: a strict reading of the URL, then of all its addresses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
#: Gives every address of a host and port, as text; raises OSError where there is none.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Reach(StrEnum):
    """How far in a request may go."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"


#: The sorts of address that each reach admits; every other sort is refused always.
ADMITTED = {
    Reach.PUBLIC: {"public"},
    Reach.PRIVATE: {"public", "private", "loopback"},
    Reach.LOOPBACK: {"loopback"},
}
PORTS = {"https": 443, "http": 80}
PUBLIC_PORTS = {443, 8443}

# Our own table rather than `is_global`, whose answers differ between Python releases. The first match counts.
# Sources: the IANA special-purpose registries for IPv4 and IPv6, and the clouds' manuals for their metadata.
_SORTS = [
    (ip_network(network), sort)
    for sort, networks in (
        ("metadata", ("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128")),
        ("loopback", ("127.0.0.0/8", "::1/128")),
        ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")),
        ("link-local", ("169.254.0.0/16", "fe80::/10")),
        ("unspecified", ("0.0.0.0/8", "::/128")),
        ("multicast", ("224.0.0.0/4", "ff00::/8")),
        # These carry an IPv4 address inside, which a gateway would unpack.
        ("translated", ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "192.88.99.0/24")),
        # 2001::/23 holds Teredo, ORCHID, benchmarking and the other protocol assignments.
        ("reserved", ("192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "2001::/23")),
        (
            "documentation",
            ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
        ),
        # What is left: all of IPv4, and the only part of IPv6 given out for the open network.
        ("public", ("0.0.0.0/0", "2000::/3")),
        ("reserved", ("::/0",)),
    )
    for network in networks
]

#: Refused with every name below them, whatever they resolve to.
METADATA_NAMES = (
    "metadata",
    "instance-data",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.azure.internal",
    "instance-data.ec2.internal",
)
#: Names that mean something else in every network.
INSIDE_NAMES = (
    "internal",
    "local",
    "localhost",
    "localdomain",
    "home.arpa",
    "lan",
    "intranet",
    "corp",
    "home",
    "private",
)

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Python's parser drops tabs and newlines and lets "\" pass, where other parsers read another host.
_URL_CHARACTERS = re.compile(r"[!-~]{1,2000}")


class TargetRefused(Exception):
    """The request must not be sent. `reason` names the rule, never the URL or what its host resolves to."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A URL that is well formed and admitted as far as its text goes; its addresses are not yet judged."""

    scheme: str
    host: str
    port: int
    path: str
    reach: Reach

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str, *, allow_private: bool) -> Target:
    """The URL's parts. Raises TargetRefused.

    https on the usual ports; where private ones are allowed, any port, and http to loopback.
    """
    if not _URL_CHARACTERS.fullmatch(url) or "\\" in url:
        raise TargetRefused("the URL must be at most 2000 visible ASCII characters (a host in its xn-- form)")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetRefused("the URL cannot be read") from None
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not allow_private):
        raise TargetRefused("the URL must begin with https://")
    if "@" in parts.netloc:
        raise TargetRefused("the URL must not hold a user name or password")
    if "#" in url:
        raise TargetRefused("the URL must not have a #fragment")
    shown = f"[{parts.hostname}]" if "[" in parts.netloc else parts.hostname
    # Leftovers such as "[::1]example.com", "example.com:" and ":0443" are where two readers part ways.
    if port == 0 or parts.netloc.lower() != (shown if port is None else f"{shown}:{port}"):
        raise TargetRefused("the host and port cannot be read")
    port = port or PORTS[parts.scheme]
    if not allow_private and port not in PUBLIC_PORTS:
        raise TargetRefused("the port must be 443 or 8443")
    reach = Reach.PRIVATE if allow_private else Reach.PUBLIC
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        scheme=parts.scheme,
        host=_read_host(parts.hostname or "", bracketed="[" in parts.netloc, allow_private=allow_private),
        port=port,
        path=path,
        reach=Reach.LOOPBACK if parts.scheme == "http" else reach,
    )


async def vet_host(host: str, port: int, reach: Reach, resolve: Resolve) -> tuple[str, ...]:
    """The addresses to connect to. One bad address among good ones refuses all. Raises TargetRefused."""
    literal = _as_address(host)
    if literal:
        found: Sequence[str] = [host]
    else:
        try:
            found = await resolve(host, port)
        except (OSError, UnicodeError):
            raise TargetRefused("the host does not resolve") from None
    addresses = tuple(dict.fromkeys(found))
    if not addresses:
        raise TargetRefused("the host does not resolve")
    for text in addresses:
        address = _as_address(text)
        sort = sort_of(address) if address else "unreadable"
        if sort not in ADMITTED[reach]:
            hint = "; plain http goes to loopback only" if reach is Reach.LOOPBACK else ""
            raise TargetRefused(f"the host has an address that is {sort}{hint}")
    return addresses


def sort_of(address: Address) -> str:
    """`public`, `private`, `loopback`, or the reason why nobody may go there."""
    return next(sort for network, sort in _SORTS if network.version == address.version and address in network)


def _read_host(host: str, *, bracketed: bool, allow_private: bool) -> str:
    if bracketed:
        if not isinstance(_as_address(host), IPv6Address) or "%" in host:
            raise TargetRefused("the host is not an IPv6 address")
        return host
    labels = host.split(".")
    # Resolvers read 127.1, 2130706433, 0177.0.0.1 and 0x7f.1 as addresses; only the plain spelling is taken.
    if _NUMBER.fullmatch(labels[-1]):
        if not _as_address(host):
            raise TargetRefused("the host is an oddly spelled address; write it as four decimal numbers")
        return host
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetRefused("the host is not a host name")
    if _below(host, METADATA_NAMES):
        raise TargetRefused("the host is a metadata service")
    if not allow_private and (len(labels) == 1 or _below(host, INSIDE_NAMES)):
        raise TargetRefused("the host is a name for an inside network")
    return host


def _below(host: str, names: Sequence[str]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)


def _as_address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
