"""Scanners open every link, many times and in many ways. Nothing changes unless somebody presses a button."""

import asyncio

import pytest

from prefcenter.domain.choices import Action
from tests.web.site import Site

PREFETCHES = [
    {"purpose": "prefetch"},
    {"sec-purpose": "prefetch;prerender"},
    {"x-moz": "prefetch"},
    {"x-purpose": "preview"},
    {"sec-gpc": "1"},
    {"user-agent": "Mozilla/5.0 (compatible; LinkScanner/1.0)"},
    {"x-http-method-override": "POST", "x-method-override": "POST"},
    {"content-type": "application/x-www-form-urlencoded"},
]
QUERIES = ["", "?stop=all", "?List-Unsubscribe=One-Click", "?undo=x", "?_method=POST"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_storm_of_looks_changes_nothing(site: Site, method: str) -> None:
    head = await site.head()
    paths = [site.stop_path(), site.manage_path()]
    looks = [
        site.client.request(method, path + query, headers=headers)
        for path in paths
        for query in QUERIES
        for headers in PREFETCHES
    ]
    answers = await asyncio.gather(*looks)
    assert {answer.status_code for answer in answers} == {200}
    assert await site.head() == head
    assert (await site.decision()).allowed


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"])
async def test_no_other_method_is_taken(lite_site: Site, method: str) -> None:
    head = await lite_site.head()
    for path in (lite_site.stop_path(), lite_site.manage_path()):
        assert (await lite_site.client.request(method, path, content=b"stop=all")).status_code == 405
    assert await lite_site.head() == head


async def test_head_has_the_headers_of_get_and_no_body(lite_site: Site) -> None:
    looked, asked = [await lite_site.client.request(m, lite_site.stop_path()) for m in ("GET", "HEAD")]
    assert asked.content == b""
    assert asked.headers["content-length"] == looked.headers["content-length"]


async def test_a_storm_of_one_clicks_is_one_stop(site: Site) -> None:
    path = site.stop_path()
    clicks = [site.client.post(path, data={"List-Unsubscribe": "One-Click"}) for _ in range(40)]
    assert {answer.status_code for answer in await asyncio.gather(*clicks)} == {200}
    history = await site.services.reader.history([site.prints("ada@example.com").wide], None)
    assert [item.entry.action for item in history].count(Action.WITHDRAW) == 1
