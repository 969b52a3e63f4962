"""Addresses that outgoing requests may and may not reach, in every spelling known."""

import random
from ipaddress import IPv4Address, IPv6Address, ip_network

FORBIDDEN = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
    "169.254.169.254/32",
    "100.100.100.200/32",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/3",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2400:cb00::1",
    "2606:4700::1111",
    "2a00:1450::1",
    "2620:fe::fe",
    "3ffe::1",
]

DICE = random.Random(8058)


def some_of(network):
    """First, last and a few in between."""
    net = ip_network(network)
    size = net.num_addresses
    return sorted({net[0], net[-1], *(net[DICE.randrange(size)] for _ in range(4))})


def wrapped(inner):
    """The IPv6 forms that carry an IPv4 address."""
    four = int(inner)
    return [
        IPv6Address((0xFFFF << 32) | four),
        IPv6Address(four),
        IPv6Address((0x64FF9B << 96) | four),
        IPv6Address((0x2002 << 112) | (four << 80) | 1),
        IPv6Address((0x20010000 << 96) | (four ^ 0xFFFFFFFF)),
    ]


def respelled(inner):
    """What inet_aton reads as the same IPv4 address, and other parsers as something else."""
    a, b, c, d = inner.packed
    return [
        str(int(inner)),
        hex(int(inner)),
        f"0{int(inner):o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{(b << 16) | (c << 8) | d}",
        f"{a}.{b}.{(c << 8) | d}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{inner}.",
        f"%{ord(str(inner)[0]):x}{str(inner)[1:]}",
    ]


INSIDE = [address for network in FORBIDDEN for address in some_of(network)]
INSIDE_FOUR = [address for address in INSIDE if isinstance(address, IPv4Address)]
WRAPPED = [six for four in DICE.sample(INSIDE_FOUR, 20) for six in wrapped(four)]
SPELT = [*DICE.sample(INSIDE_FOUR, 15), IPv4Address("8.8.8.8")]
RESPELLED = [text for four in SPELT for text in respelled(four) if text != str(four)]


def in_url(address):
    return f"[{address}]" if address.version == 6 else str(address)


class Resolver:
    """Gives the answers in turn, the last one for ever; counts its calls."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = answers
        self.calls = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.calls += 1
        return self.answers[min(self.calls, len(self.answers)) - 1]


async def fails_to_resolve(host, port):
    raise OSError("no such name")
