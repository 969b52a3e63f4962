"""`why`: an answer that support can read out, now and of a past day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from prefcenter.bootstrap import utc_now
from tests.api.client import Api, open_api, settings_of
from tests.commands.conftest import Console

LONG_AGO = "2026-01-05T09:00:00Z"
OFFERED = {"at": LONG_AGO, "wording": "You can say no here and in every email."}


def using(console: Console, work: Callable[[Api], Awaitable[Any]]) -> Any:
    """What tools did, over the API."""

    async def work_at_it() -> Any:
        settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
        async with open_api(settings) as api:
            return await work(api)

    return asyncio.run(work_at_it())


def why(console: Console, *more: str, email: str = "ada@example.com", purpose: str = "newsletter") -> str:
    return console.ok("why", email, "--purpose", purpose, *more).out


def marked(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("→")]


async def knows(api: Api, **facts: Any) -> None:
    await api.done("/v1/subjects", {"subjects": [{"email": "ada@example.com", **facts}]})


def test_a_past_day_is_told_as_it_was_with_the_entry_that_decided(console: Console) -> None:
    using(console, lambda api: api.choose("ada@example.com"))
    between = utc_now()
    console.ok("stop", "ada@example.com", "--reason", "by telephone, ticket 4711")
    now, then = why(console), why(console, "--at", between.isoformat())
    assert now.startswith("No: 'Product newsletter' (newsletter) may not be sent.")
    assert [line for line in marked(now) if "#2 object" in line and "ticket 4711" in line]
    assert then.startswith("Yes: 'Product newsletter' (newsletter) could be sent at 20")
    assert [line for line in marked(then) if "#1 give" in line]
    assert "#2" not in then
    before = why(console, "--at", (between - timedelta(days=400)).isoformat())
    assert "unknown_purpose" in before
    assert "had nothing on this address" in before


def test_the_rules_are_named_and_whose_they_are(console: Console) -> None:
    assert "(STRICT), as no country is known of them." in why(console)
    using(console, lambda api: knows(api, country="DE"))
    assert "Rules: Germany (DE)." in why(console)
    using(console, lambda api: knows(api, country="US-ZZ"))
    assert re.search(r"Rules: .* \(US\), which count for US-ZZ\.", why(console))
    using(console, lambda api: knows(api, country="QQ"))
    assert "(STRICT), as there are none for QQ." in why(console)


def test_what_is_missing_is_said_in_words(console: Console) -> None:
    using(console, lambda api: knows(api, country="DE"))
    said = why(console, purpose="offers")
    assert "no_relationship" in said
    assert "  relationship: a relationship that the rules accept" in said
    assert "  opt_out_offered: a way to say no, offered to them" in said
    assert "similar_to_purchase" not in said


def test_a_soft_opt_in_is_marked_at_the_fact_that_makes_it(console: Console) -> None:
    relationship = {"kind": "customer", "since": LONG_AGO, "opt_out_offered": OFFERED}
    using(console, lambda api: knows(api, country="DE", relationship=relationship))
    using(console, lambda api: knows(api, language="de"))
    said = why(console, purpose="offers")
    assert said.startswith("Yes: ")
    assert [line for line in marked(said) if "#1 fact" in line and "relationship" in line], said


def test_an_implied_consent_says_when_it_runs_out(console: Console) -> None:
    relationship = {"kind": "inquiry", "since": utc_now().isoformat()}
    using(console, lambda api: knows(api, country="CA", relationship=relationship))
    said = why(console, purpose="offers")
    assert "implied_consent" in said
    assert "It expires at 20" in said
    assert len(marked(said)) == 1


def test_a_yes_says_how_it_is_proved_for_which_version_and_until_when(console: Console) -> None:
    using(console, lambda api: knows(api, country="FR"))
    using(console, lambda api: api.choose("ada@example.com"))
    said = why(console)
    assert "Lawful basis: consent, proof: attested." in said
    assert "It holds for version 1 of the purpose." in said
    console.folder.joinpath("prefcenter.toml").write_text(
        console.folder.joinpath("prefcenter.toml")
        .read_text()
        .replace(
            'channels = ["email"]\nbasis = "consent"', 'channels = ["email", "sms"]\nbasis = "consent"', 1
        )
    )
    console.ok("apply")
    assert "Version 2 is pending" in why(console)


def test_a_stop_that_came_along_from_another_address_is_shown(console: Console) -> None:
    async def moves(api: Api) -> None:
        await knows(api, external_id="4711")
        await api.choose("ada@example.com", "withdraw")
        await api.done("/v1/subjects", {"subjects": [{"email": "new@example.com", "external_id": "4711"}]})

    using(console, moves)
    said = why(console, email="new@example.com")
    assert "withdrawn" in said
    assert [line for line in marked(said) if "#2 withdraw" in line], said


def test_a_purpose_that_there_never_was_is_answered_with_those_there_are(console: Console) -> None:
    for more in ((), ("--at", utc_now().isoformat())):
        told = console.refused("why", "ada@example.com", "--purpose", "nope", *more)
        assert told == (
            "--purpose: no such purpose in the catalog; it has: newsletter, offers, account, partner-offers\n"
        )


def test_a_moment_that_is_none_is_refused_by_name(console: Console) -> None:
    for at, said in (("yesterday", "--at"), ("2999-01-01", "lies in the future")):
        refused = console.refused("why", "ada@example.com", "--purpose", "newsletter", "--at", at)
        assert said in refused


def test_what_cannot_be_read_is_a_no_in_words(console: Console) -> None:
    async def spoil(api: Api) -> None:
        await knows(api, country="DE")
        async with api.services.database.write() as tx:
            await tx.fetch("UPDATE fact SET body = 'nonsense'")
            await tx.fetch("UPDATE payload SET sealed = $1", b"nonsense")

    using(console, spoil)
    for more in ((), ("--at", utc_now().isoformat())):
        said = why(console, *more)
        assert said.startswith("No: ")
        assert "(error)" in said
        assert "`prefcenter verify`" in said


def test_the_api_explains_each_standing_in_the_same_words(console: Console) -> None:
    async def standings(api: Api) -> list[dict[str, Any]]:
        await knows(api, country="DE")
        await api.choose("ada@example.com")
        found = await api.done("/v1/subjects/lookup", {"email": "ada@example.com"})
        by_id = await api.read(f"/v1/subjects/{found['subject']['id']}")
        assert by_id["standings"] == found["standings"]
        return list(found["standings"])

    said = {one["purpose"]: one["explanation"] for one in using(console, standings)}
    assert said["newsletter"] == "It may be sent: they said yes."
    assert said["partner-offers"] == "It may not be sent: they were never asked, and silence is no."
    assert said["offers"].startswith("It may not be sent: nothing shows the relationship that it needs.")
    assert "Missing: a relationship that the rules accept" in said["offers"]
