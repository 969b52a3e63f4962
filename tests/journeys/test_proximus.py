"""*Proximus* (CJEU C-129/21), end to end: one click in a mail, and the partner lets go too."""

import re

import httpx2

from prefcenter.mail.mailbox import run_mailbox
from tests.journeys.installation import Installation
from tests.journeys.processes import until

ADA = {"email": "ada@example.com"}
SCOPES = ("choices:write", "choices:attest", "subjects:read")


async def test_a_process_that_dies_after_the_click_leaves_the_partner_told_and_confirmed(
    installation: Installation,
) -> None:
    async with run_mailbox() as running, httpx2.AsyncClient(trust_env=False) as client:
        (installation.folder / ".env").write_text(f"PREFCENTER_SMTP_URL={running.smtp_url}\n")
        web = await installation.serve("--no-worker")
        options = [word for scope in SCOPES for word in ("--scope", scope)]
        secret = (await installation.run("keys", "create", "shop", *options)).strip()
        client.headers["authorization"] = f"Bearer {secret}"
        yes = {"subject": ADA, "purpose": "partner-offers", "action": "give", "source": "form"}
        given = await client.post(f"{installation.base_url}/v1/choices", json={"choices": [yes]})
        assert given.json()["results"][0]["effect"] == "applied", given.text

        path = installation.stop_path(ADA["email"], "partner-offers")
        click = await client.post(f"{installation.base_url}{path}", data={"List-Unsubscribe": "One-Click"})
        await web.kill()
        assert click.status_code == 200
        assert list(running.mailbox.mails) == []

        await installation.serve()

        async def told() -> bool:
            return bool(await installation.rows("SELECT 1 FROM task WHERE state = 'told'"))

        await until(told, "the partner is told")
        [mail] = running.mailbox.mails
        assert mail.to == ("privacy@partner.example",)
        assert ADA["email"] in mail.text
        [link] = re.findall(rf"{installation.base_url}/t/\S+", mail.text)
        assert "Yes, we have acted" in (await client.get(link)).text
        assert "confirmed this on" in (await client.post(link)).text

        record = await client.post(f"{installation.base_url}/v1/subjects/lookup", json=ADA)
        [shown] = record.json()["told"]
        assert (shown["name"], shown["state"]) == ("Partner Inc", "confirmed")
        assert shown["created_at"] < shown["told_at"] < shown["confirmed_at"]
        assert ADA["email"] not in installation.output
        assert "No task is open" in await installation.run("tasks")
