"""Who stopped between the decision and the hand-off: the lines of docs/api.md, as they stand there."""

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.api.client import Api

_DOC = (Path(__file__).parents[2] / "docs/api.md").read_text()
_SECTION = _DOC.split("\n## Who stopped before the hand-off\n")[1]
EXAMPLE = re.findall(r"```python\n(.*?)```", _SECTION, re.DOTALL)[0]

ADA, SPELLED, BO, CLEO, DORA = (
    "ada@example.com",
    "Ada@Example.com",
    "bo@example.com",
    "cleo@example.com",
    "dora@example.com",
)


async def as_documented(api: Api, emails: list[str], cursor: str) -> list[str]:
    """Run the example beside the application, as a tool would."""
    loop = asyncio.get_running_loop()

    def post(path: str, body: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(api.done(path, body), loop).result(30)

    def get(path: str) -> Any:
        return asyncio.run_coroutine_threadsafe(api.read(path), loop).result(30)

    said: dict[str, Any] = {"post": post, "get": get, "emails": emails, "cursor": cursor}
    await asyncio.to_thread(exec, EXAMPLE, said)
    stopped: list[str] = said["stopped"]
    return sorted(stopped)


async def test_the_example_finds_exactly_who_stopped(api: Api) -> None:
    emails = [ADA, SPELLED, BO, CLEO, DORA]
    for email in (ADA, BO, CLEO):
        await api.choose(email)
    await api.choose(DORA, subject={"email": DORA, "external_id": "crm-4"})
    before = await api.done(
        "/v1/decisions", {"purpose": "newsletter", "recipients": [{"email": one} for one in emails]}
    )
    assert all(one["allowed"] for one in before["decisions"])
    assert await as_documented(api, emails, before["cursor"]) == []
    await api.choose(SPELLED, "withdraw")
    await api.choose(BO, "withdraw", "offers")
    await api.choose("stranger@example.com", "withdraw")
    # Dora's address is another one by now: what was allowed for the old one is not any more.
    moved = {"external_id": "crm-4", "email": "dora@example.net"}
    await api.done("/v1/subjects", {"subjects": [moved]})
    assert await as_documented(api, emails, before["cursor"]) == sorted([ADA, SPELLED, DORA])
