"""A person's record shows which third parties were told that a permission ended, and when."""

from __future__ import annotations

from prefcenter.storage.tasks import mark_confirmed, mark_told
from prefcenter.use_cases.third_parties import still_open
from tests.api.client import ADA, Api


async def test_the_record_shows_who_was_told_and_when(api: Api) -> None:
    await api.choose("ada@example.com", purpose="partner-offers")
    assert (await api.done("/v1/subjects/lookup", ADA))["told"] == []
    stop = await api.choose("ada@example.com", "withdraw", "partner-offers")

    found = await api.done("/v1/subjects/lookup", ADA)
    [told] = found["told"]
    assert told == {
        "recipient": "partner-inc",
        "name": "Partner Inc",
        "purpose": "partner-offers",
        "state": "open",
        "created_at": told["created_at"],
    }
    history = (await api.read(f"/v1/subjects/{found['subject']['id']}/history"))["entries"]
    assert [e["recorded_at"] for e in history if e["entry"] == stop["entry"]] == [told["created_at"]]

    [task] = [task async for task, _ in still_open(api.services)]
    for mark, state in ((mark_told, "told"), (mark_confirmed, "confirmed")):
        await mark(api.services.database, task.id, task.created_at)
        shown = await api.read(f"/v1/subjects/{found['subject']['id']}")
        [told] = shown["told"]
        assert (told["state"], told[f"{state}_at"]) == (state, told["created_at"])
    assert shown == await api.done("/v1/subjects/lookup", ADA)


async def test_nobody_was_told_of_a_stranger(local_api: Api) -> None:
    await local_api.choose("bob@example.com", "withdraw", "partner-offers")
    assert (await local_api.done("/v1/subjects/lookup", {"email": "bob@example.com"}))["told"] == []
