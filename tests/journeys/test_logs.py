"""What the processes print names nobody: no address, no token, no secret."""

import re

from email_hooks.signatures import new_secret
from tests.journeys.crowd import FORM, ONE_CLICK
from tests.journeys.http import Client
from tests.journeys.installation import Installation
from tests.journeys.receiver import Heard, Receiver

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+|%40example")
SECRETS = ("whsec_", "pc_", "Bearer")


async def test_no_address_and_no_token_is_ever_printed(
    installation: Installation, receiver: Receiver
) -> None:
    async def misbehave(heard: Heard) -> int | None:
        return 410 if len(receiver.heard) > 2 else 500

    receiver.behave = misbehave
    await installation.add_webhook(receiver.url, new_secret(), events=["choice.recorded"])
    web = await installation.serve()
    scopes = ("choices:write", "choices:attest", "decisions:read", "links:write", "subjects:write")
    created = await installation.run(
        "keys", "create", "shop", *[a for scope in scopes for a in ("--scope", scope)]
    )
    headers = {"authorization": f"Bearer {created.strip()}"}
    path = installation.stop_path("ada@example.com")
    give = b'{"choices": [{"subject": {"email": "%s"}, "purpose": "%s", "action": "give", "source": "form"}]}'

    async with Client(installation.port) as client:
        answers = [
            await client.send("POST", "/v1/choices", give % (b"ada@example.com", b"newsletter"), **headers),
            await client.send("GET", path),
            await client.send("POST", path, ONE_CLICK, content_type=FORM),
            await client.send("POST", path, b"stop=all", content_type=FORM),
            await client.send("POST", path[:-1] + "~", ONE_CLICK, content_type=FORM),
            await client.send("GET", path.replace("/u/", "/p/")),
            await client.send("POST", path, b"x" * 70_000, content_type=FORM),
            await client.send("POST", "/v1/choices", give % (b"ada@@example.com", b"newsletter"), **headers),
            await client.send("POST", "/v1/choices", give % (b"ada@example.com", b"nothing"), **headers),
            await client.send("POST", "/v1/choices", b'{"choices": "ada@example.com"', **headers),
            await client.send("GET", "/v1/subjects/ada@example.com", authorization="Bearer pc_wrong"),
            await client.send("GET", "/nowhere?email=ada%40example.com"),
        ]
    statuses = [answer.status for answer in answers]
    assert statuses[:4] == [200] * 4 and all(400 <= status < 500 for status in statuses[4:]), statuses
    await receiver.has_heard(3)
    await installation.deliveries_end()
    await web.stop()

    printed = installation.output.replace(created, "")
    token = path.removeprefix("/u/")
    assert "webhook disabled" in printed
    assert not ADDRESS.search(printed), printed
    assert token[:20] not in printed and token[-20:] not in printed
    assert not any(secret in printed for secret in (*SECRETS, installation.secret_key, installation.pepper))
