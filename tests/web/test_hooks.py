"""`POST /hooks/{connection}` through a real server: what is answered, kept, and kept once."""

import asyncio
import threading
from dataclasses import replace

import msgspec
import pytest

from email_hooks.config import Config
from email_hooks.events import EventKind, HookEvent
from email_hooks.providers import postmark
from email_hooks.request import HookRequest
from prefcenter.domain.choices import Action
from tests.hooked import Hooked
from tests.web.site import ADA

UNSUBSCRIBED = EventKind.GROUP_UNSUBSCRIBED


async def test_an_authentic_event_is_kept_before_the_answer_and_takes_effect_after(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    answer = await hooks.site.client.post(
        "/hooks/main",
        content=(request := hooks.say(UNSUBSCRIBED)).body,
        headers=dict(request.headers),
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert await hooks.states() == ["received"]
    await hooks.heard()
    assert await hooks.why_not() == "withdrawn"


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic cG9zdG1hcms6bm8=", "Bearer x"])
async def test_a_forged_event_is_401_and_asks_for_the_login(hooks: Hooked, authorization: str) -> None:
    request = hooks.say(UNSUBSCRIBED)
    headers = dict(request.headers) | {"authorization": authorization}
    answer = await hooks.site.client.post("/hooks/main", content=request.body, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="hooks"'
    assert await hooks.became() == []


async def test_the_login_of_another_connection_does_not_work(hooks: Hooked) -> None:
    assert await hooks.tell(hooks.say(UNSUBSCRIBED), "other") == 401


async def test_a_header_that_comes_twice_is_refused(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED)
    headers = [*dict(request.headers).items(), ("Authorization", dict(request.headers)["authorization"])]
    answer = await hooks.site.client.post("/hooks/main", content=request.body, headers=headers)
    assert answer.status_code == 401


async def test_what_cannot_be_read_is_400(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED)
    for body in (b"", b"not json", b"[]", b'{"a": "\xff"}'):
        answer = await hooks.site.client.post("/hooks/main", content=body, headers=dict(request.headers))
        assert answer.status_code == 400
    assert await hooks.became() == []


async def test_more_than_five_mebibytes_are_413(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED)
    body = b" " * (5 * 1024 * 1024 + 1)
    answer = await hooks.site.client.post("/hooks/main", content=body, headers=dict(request.headers))
    assert answer.status_code == 413


async def test_a_connection_that_does_not_exist_is_404_like_any_wrong_path(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED)
    answer = await hooks.site.client.post(
        "/hooks/nobody", content=request.body, headers=dict(request.headers)
    )
    wrong = await hooks.site.client.post("/hooks/main/", content=request.body)
    assert answer.status_code == wrong.status_code == 404
    assert answer.content == wrong.content


async def test_a_connection_without_its_secrets_is_our_trouble(hooks: Hooked) -> None:
    answer = await hooks.site.client.post("/hooks/broken", content=b"{}")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_provider_that_does_not_probe_only_posts(hooks: Hooked, method: str) -> None:
    assert (await hooks.site.client.request(method, "/hooks/main")).status_code == 405


async def test_a_provider_that_probes_is_answered_without_a_signature(
    hooks: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    probing = replace(postmark.PROVIDER.capabilities, probes=frozenset({"GET"}))
    monkeypatch.setattr(postmark.Postmark, "capabilities", probing)
    assert (await hooks.site.client.get("/hooks/main")).status_code == 200
    assert (await hooks.site.client.head("/hooks/main")).status_code == 405


async def test_a_provider_whose_signature_needs_a_look_elsewhere_holds_up_no_other(
    hooks: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = replace(postmark.PROVIDER.capabilities, fetches=True)
    monkeypatch.setattr(postmark.Postmark, "capabilities", fetching)
    here = threading.get_ident()
    threads = []
    parse = postmark.Postmark.parse

    def noted(self: postmark.Postmark, request: HookRequest, config: Config) -> list[HookEvent]:
        threads.append(threading.get_ident())
        return parse(self, request, config)

    monkeypatch.setattr(postmark.Postmark, "parse", noted)
    assert await hooks.tell(hooks.say(UNSUBSCRIBED)) == 200
    assert len(threads) == 1
    assert here not in threads


async def test_an_event_that_nobody_knows_is_answered_and_dropped(hooks: Hooked) -> None:
    assert await hooks.tell(hooks.stand_ins["main"].unknown()) == 200
    assert await hooks.became() == []


async def test_the_same_request_again_is_answered_and_has_one_effect(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED)
    assert [await hooks.tell(request) for _ in range(3)] == [200] * 3
    assert await asyncio.gather(*(hooks.tell(request) for _ in range(10))) == [200] * 10
    await hooks.heard()
    assert await hooks.tell(request) == 200
    await hooks.heard()
    assert await hooks.states() == ["applied"]
    assert len(await hooks.entries()) == 1


async def test_the_same_id_with_another_body_is_rejected_and_logged(
    hooks: Hooked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await hooks.tell(hooks.say(UNSUBSCRIBED, event_id="one")) == 200
    assert await hooks.tell(hooks.say(UNSUBSCRIBED, "bo@example.com", event_id="one")) == 200
    await hooks.heard()
    assert await hooks.entries("bo@example.com") == []
    assert len(await hooks.entries()) == 1
    logged = capsys.readouterr().out
    assert "its id came before with other words" in logged
    assert "example.com" not in logged


async def test_the_same_id_of_another_connection_is_another_event(hooks: Hooked) -> None:
    request = hooks.say(UNSUBSCRIBED, event_id="one")
    hooks.stand_ins["other"].report(UNSUBSCRIBED, ADA, "stream:broadcast")
    of_other = hooks.stand_ins["other"].hooks.popleft()
    assert await hooks.tell(request, **{"x-pm-webhook-trace-id": "same"}) == 200
    assert await hooks.tell(of_other, "other", **{"x-pm-webhook-trace-id": "same"}) == 200
    assert await hooks.states() == ["received"] * 2


async def test_without_a_database_it_is_503_and_sent_again_later_nothing_is_lost(
    hooks: Hooked,
) -> None:
    request = hooks.say(UNSUBSCRIBED)
    database = hooks.site.services.database
    await database.close()
    answer = await hooks.site.client.post("/hooks/main", content=request.body, headers=dict(request.headers))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    await database.open()
    assert await hooks.tell(request) == 200
    await hooks.heard()
    assert await hooks.states() == ["applied"]


async def test_odd_ids_and_texts_are_kept(hooks: Hooked) -> None:
    body = msgspec.json.decode(hooks.say(UNSUBSCRIBED).body)
    for number, trace in enumerate(("x" * 300, "", "a\tb")):
        body["Recipient"] = f"someone{number}@example.com"
        content = msgspec.json.encode(body | {"Tag": "a\x00b"})
        request = hooks.say(UNSUBSCRIBED)
        headers = dict(request.headers) | {"x-pm-webhook-trace-id": trace}
        answer = await hooks.site.client.post("/hooks/main", content=content, headers=headers)
        assert answer.status_code == 200
    await hooks.heard()
    assert await hooks.states() == ["applied"] * 3


async def test_nothing_of_a_request_is_logged(hooks: Hooked, capsys: pytest.CaptureFixture[str]) -> None:
    request = hooks.say(UNSUBSCRIBED)
    await hooks.site.client.post("/hooks/main?secret=hush", content=request.body)
    await hooks.site.client.post("/hooks/hush?secret=hush", content=request.body)
    await hooks.site.client.post("/hooks/broken?secret=hush", content=request.body)
    printed = capsys.readouterr()
    logged = printed.out + printed.err
    assert "hook refused" in logged
    assert "hush" not in logged
    assert ADA not in logged


async def test_what_is_kept_holds_no_address_in_the_clear(hooks: Hooked) -> None:
    await hooks.tell(hooks.say(UNSUBSCRIBED))
    ((body, key, kind),) = await hooks.rows("SELECT body, event_key, kind FROM hook_event")
    assert ADA.encode() not in bytes(body)
    assert (key, kind) == ("event-1", "group_unsubscribed")
