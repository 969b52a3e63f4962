"""`/v1/changes`: everything exactly once, in the order of commits, also while it is being written."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.client import Api

WRITERS, EACH = 6, 15


async def test_a_reader_beside_writers_sees_everything_exactly_once(api: Api) -> None:
    written: list[str] = []
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for n in range(EACH):
            written.append((await api.choose(f"p{writer}-{n}@example.com", "withdraw"))["entry"])

    async def write_all() -> None:
        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        done.set()

    async def read_on() -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = []
        after = "0"
        while True:
            finished = done.is_set()
            page = await api.read(f"/v1/changes?after={after}&limit=7")
            seen += page["changes"]
            after = page["next"]
            assert len(page["changes"]) <= 7
            if finished and not page["more"]:
                return seen

    _, seen = await asyncio.gather(write_all(), read_on())
    assert sorted(change["entry"] for change in seen) == sorted(written)
    assert [change["cursor"] for change in seen] == list(range(1, WRITERS * EACH + 1))
    assert [c["recorded_at"] for c in seen] == sorted(c["recorded_at"] for c in seen)


async def test_more_says_whether_another_page_is_there_already(api: Api) -> None:
    assert await api.read("/v1/changes") == {"changes": [], "next": "0", "more": False}
    for n in range(3):
        await api.choose(f"p{n}@example.com", "withdraw")
    first = await api.read("/v1/changes?limit=2")
    assert ([change["cursor"] for change in first["changes"]], first["next"], first["more"]) == (
        [1, 2],
        "2",
        True,
    )
    second = await api.read("/v1/changes?limit=2&after=2")
    assert ([change["cursor"] for change in second["changes"]], second["more"]) == ([3], False)
    assert (await api.read("/v1/changes?after=3"))["next"] == "3"
    assert not (await api.read("/v1/changes?limit=3"))["more"]


async def test_a_change_names_everybody_it_is_about(api: Api) -> None:
    await api.choose("Ada@example.com")
    await api.choose("ada@example.com")
    spelled = (await api.done("/v1/subjects/lookup", {"email": "Ada@example.com"}))["subject"]["id"]
    changes = (await api.read("/v1/changes"))["changes"]
    assert all(spelled in change["subjects"] for change in changes)
    assert not any("evidence" in change or "email" in change for change in changes)


async def test_a_misspelt_parameter_is_named_and_not_passed_over(local_api: Api) -> None:
    answer = await local_api.get("/v1/changes?afer=3")
    assert answer.status_code == 422
    assert "afer: no such parameter; there are after and limit" in answer.text
