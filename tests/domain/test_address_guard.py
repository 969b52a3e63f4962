"""Outgoing requests reach public addresses only, however the address is spelled, wrapped or resolved."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from prefcenter.domain.address_guard import (
    Reach,
    Target,
    TargetRefused,
    read_target,
    sort_of,
    vet_host,
)
from tests.domain.address_corpus import INSIDE, PUBLIC, RESPELLED, WRAPPED, Resolver, fails_to_resolve, in_url


async def vet(url, *, allow_private, resolve):
    """Both halves, as the worker's client does them: what the URL says, and where it leads."""
    target = read_target(url, allow_private=allow_private)
    return target, await vet_host(target.host, target.port, target.reach, resolve)


def test_the_corpus_is_large():
    assert len(INSIDE) * 2 + len(WRAPPED) * 2 + len(RESPELLED) >= 300


@pytest.mark.parametrize("address", [*INSIDE, *WRAPPED], ids=str)
async def test_no_inside_address_is_reached(address):
    with pytest.raises(TargetRefused):
        await vet(f"https://{in_url(address)}/hook", allow_private=False, resolve=fails_to_resolve)
    for found in ([str(address)], ["8.8.8.8", str(address)], [str(address), "2606:4700::1111"]):
        with pytest.raises(TargetRefused, match="the host has an address that is"):
            await vet("https://hooks.example.com/", allow_private=False, resolve=Resolver(found))


@pytest.mark.parametrize("host", RESPELLED)
@pytest.mark.parametrize("allow_private", [True, False])
def test_odd_spellings_of_an_address_are_refused_even_where_private_ones_are_allowed(host, allow_private):
    with pytest.raises(TargetRefused):
        read_target(f"https://{host}/", allow_private=allow_private)


@pytest.mark.parametrize("address", PUBLIC)
async def test_public_addresses_are_reached(address):
    literal = in_url(IPv6Address(address) if ":" in address else IPv4Address(address))
    _, direct = await vet(f"https://{literal}/", allow_private=False, resolve=fails_to_resolve)
    assert direct == (address,)
    assert sort_of(IPv6Address(address) if ":" in address else IPv4Address(address)) == "public"
    named, addresses = await vet(
        "https://hooks.example.com:8443/a?b", allow_private=False, resolve=Resolver([address])
    )
    assert (named.host, named.port, addresses) == ("hooks.example.com", 8443, (address,))


async def test_what_was_judged_is_what_is_given_whatever_the_name_says_later():
    resolve = Resolver(["8.8.8.8", "8.8.8.8", "1.1.1.1"], ["127.0.0.1"])
    _, addresses = await vet("https://hooks.example.com/", allow_private=False, resolve=resolve)
    assert addresses == ("8.8.8.8", "1.1.1.1")
    assert resolve.calls == 1
    with pytest.raises(TargetRefused):
        await vet("https://hooks.example.com/", allow_private=False, resolve=resolve)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///path",
        "https:hooks.example.com",
        "//hooks.example.com/",
        "hooks.example.com",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com:443/",
        "javascript:alert(1)",
        "https://user@hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://8.8.8.8@127.0.0.1/",
        "https://@hooks.example.com/",
        "https://hooks.example.com/#fragment",
        "https://hooks.example.com/#",
        "https://hooks.example.com#@127.0.0.1/",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks.example.com\\.example.org/",
        "https://hooks.exa\tmple.com/",
        "https://hooks.example.com/\r\nHost: inside",
        " https://hooks.example.com/",
        "https://hooks.example.com /",
        "https://hooks.example.com/\x00",
        "https://hööks.example.com/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:00443/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:443x/",
        "https://hooks.example.com:+443/",
        "https://hooks..example.com/",
        "https://.example.com/",
        "https://hooks.example.com./",
        "https://-hooks.example.com/",
        "https://hooks-.example.com/",
        "https://hooks_.example.com/",
        "https://ho%6fks.example.com/",
        "https://" + "a" * 64 + ".example.com/",
        "https://" + "a." * 127 + "com/",
        "https://hooks.example.com/" + "a" * 2000,
        "https://[::1/",
        "https://::1/",
        "https://[hooks.example.com]/",
        "https://[8.8.8.8]/",
        "https://[2606:4700::1111]example.com/",
        "https://[2606:4700::1111%25eth0]/",
        "https://[2606:4700::1111%eth0]/",
        "https://[v1.8]/",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://metadata.goog/",
        "https://metadata/",
        "https://instance-data/",
        "https://METADATA.google.internal/",
        "https://a.metadata.goog/",
        "https://instance-data.ec2.internal/",
        "https://host.0x7f/",
        "https://host.1/",
    ],
)
@pytest.mark.parametrize("allow_private", [True, False])
def test_a_url_that_two_readers_could_take_for_two_things_is_refused(url, allow_private):
    with pytest.raises(TargetRefused):
        read_target(url, allow_private=allow_private)


def test_plain_http_is_refused():
    with pytest.raises(TargetRefused, match="https"):
        read_target("http://hooks.example.com/", allow_private=False)


@pytest.mark.parametrize("port", [1, 22, 25, 80, 444, 5432, 6379, 8080, 8444, 65535])
def test_only_the_ports_of_https_are_reached(port):
    with pytest.raises(TargetRefused, match="port"):
        read_target(f"https://hooks.example.com:{port}/", allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "intranet",
        "db",
        "a.localhost",
        "printer.local",
        "host.docker.internal",
        "x.home.arpa",
        "nas.lan",
    ],
)
def test_names_of_inside_networks_are_refused_without_asking(host):
    with pytest.raises(TargetRefused, match="inside"):
        read_target(f"https://{host}/", allow_private=False)
    assert read_target(f"https://{host}/", allow_private=True).host == host


@pytest.mark.parametrize("resolve", [fails_to_resolve, Resolver([])])
async def test_a_host_without_addresses_is_refused(resolve):
    with pytest.raises(TargetRefused, match="does not resolve"):
        await vet("https://hooks.example.com/", allow_private=False, resolve=resolve)


async def test_an_answer_that_is_no_address_is_refused():
    with pytest.raises(TargetRefused, match="unreadable"):
        await vet("https://hooks.example.com/", allow_private=False, resolve=Resolver(["127.1"]))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd12::1", "8.8.8.8"]
)
async def test_what_the_operator_wrote_may_be_private(address):
    resolve = Resolver([address])
    target, addresses = await vet("https://tool.internal:9000/", allow_private=True, resolve=resolve)
    assert (target.port, addresses) == (9000, (address,))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "fe80::1",
    ],
)
async def test_some_addresses_are_nobodys_even_where_private_ones_are_allowed(address):
    with pytest.raises(TargetRefused):
        await vet("https://tool.example.com/", allow_private=True, resolve=Resolver([address]))


async def test_plain_http_goes_to_loopback_only():
    for found in (["127.0.0.1"], ["::1", "127.0.0.1"]):
        _, addresses = await vet("http://localhost:8000/hook", allow_private=True, resolve=Resolver(found))
        assert addresses == tuple(found)
    for found in (["10.0.0.1"], ["8.8.8.8"], ["127.0.0.1", "10.0.0.1"]):
        with pytest.raises(TargetRefused, match="plain http goes to loopback only"):
            await vet("http://tool.example.com/", allow_private=True, resolve=Resolver(found))


def test_the_parts_of_a_url_are_read_as_they_are_sent():
    assert read_target("HTTPS://Hooks.Example.COM/a%2Fb?c=d&e", allow_private=False) == Target(
        scheme="https", host="hooks.example.com", port=443, path="/a%2Fb?c=d&e", reach=Reach.PUBLIC
    )
    assert read_target("https://hooks.example.com", allow_private=False).path == "/"
    assert read_target("https://hooks.example.com?a", allow_private=False).path == "/?a"


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://hooks.example.com/", "hooks.example.com"),
        ("https://hooks.example.com:443/", "hooks.example.com"),
        ("https://hooks.example.com:8443/", "hooks.example.com:8443"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
    ],
)
def test_the_host_header_names_the_port_only_where_it_is_not_the_usual(url, authority):
    assert read_target(url, allow_private=False).authority == authority


async def test_a_refusal_repeats_neither_the_url_nor_what_the_host_resolves_to():
    with pytest.raises(TargetRefused) as refused:
        await vet(
            "https://hooks.example.com/path?key=s3cret", allow_private=False, resolve=Resolver(["10.9.8.7"])
        )
    assert refused.value.reason == str(refused.value) == "the host has an address that is private"
    for url in ("https://u:s3cret@hooks.example.com/", "https://hooks.example.com/#s3cret", "s3cret"):
        with pytest.raises(TargetRefused) as refused:
            read_target(url, allow_private=False)
        assert "s3cret" not in refused.value.reason


async def test_an_address_in_the_url_is_not_looked_up():
    assert await vet_host("8.8.8.8", 443, Reach.PUBLIC, fails_to_resolve) == ("8.8.8.8",)
