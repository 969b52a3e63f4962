"""Every answer forbids scripts, frames, referrers, indexing and keeping; none sets a cookie."""

import gzip
from typing import Any

import httpx2
import pytest

from prefcenter.mail.render import shipped_templates
from tests.web.site import Site

EXPECTED = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
MOST_BYTES = 14 * 1024


@pytest.mark.parametrize("kind", ["stop", "manage", "missing", "health", "method"])
async def test_every_answer_has_the_headers(lite_site: Site, kind: str) -> None:
    paths = {
        "stop": lite_site.stop_path(),
        "manage": lite_site.manage_path(),
        "missing": "/nowhere",
        "health": "/healthz",
        "method": lite_site.stop_path(),
    }
    method = "DELETE" if kind == "method" else "GET"
    answer = await lite_site.client.request(method, paths[kind])
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    policy = answer.headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "set-cookie" not in answer.headers


async def test_an_answer_to_a_fault_of_ours_has_them_too(
    lite_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("ada@example.com")

    monkeypatch.setattr(lite_site.services.reader, "stops_at", broken)
    monkeypatch.setattr(lite_site.services.reader, "address_at", broken)
    transport = httpx2.ASGITransport(app=lite_site.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://localhost") as client:
        answer = await client.get(lite_site.stop_path())
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "ada" not in answer.text and "ZeroDivision" not in answer.text


async def test_pages_hold_no_script_and_nothing_from_elsewhere(lite_site: Site) -> None:
    for path in (lite_site.stop_path(), lite_site.manage_path(), "/nowhere"):
        text = (await lite_site.client.get(path)).text
        assert "<script" not in text and " style=" not in text and " onclick" not in text
        assert 'src="http' not in text and '<link rel="stylesheet" href="http' not in text


async def test_a_page_and_its_style_are_small(lite_site: Site) -> None:
    style = await lite_site.client.get("/static/site.css")
    assert "max-age" in style.headers["cache-control"]
    for path in (lite_site.stop_path(), lite_site.manage_path()):
        html = (await lite_site.client.get(path)).content
        assert len(gzip.compress(html)) + len(gzip.compress(style.content)) < MOST_BYTES


@pytest.mark.parametrize(
    "path", ["/static/../base.html", "/static/%2e%2e/base.html", "/static/..%2fpages/undone.html"]
)
async def test_no_template_is_served(lite_site: Site, path: str) -> None:
    assert (shipped_templates() / "base.html").is_file()
    answer = await lite_site.client.get(path)
    assert answer.status_code == 404 and "{%" not in answer.text
