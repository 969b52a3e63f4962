"""`prefcenter void`: what a machine told by mistake is taken out of effect, and nothing that people said."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from prefcenter.bootstrap import open_services
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.storage.fields import to_micros
from prefcenter.storage.units import ChoiceItem, Ref, Unit
from tests.api.client import settings_of
from tests.commands.conftest import Console
from tests.commands.test_import import HEADER, file_of, said_of, yes

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
WHY = ("--reason", "they sent a test list")
_EVENT = """
INSERT INTO hook_event (connection, event_key, body_digest, state, received_at, kind, first_seq, last_seq)
VALUES ($1, $2, $3, 'applied', $4, 'complained', $5, $6)
"""


async def _tell(console: Console, *emails: str, connection: str, received_at: datetime) -> None:
    settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
    async with open_services(settings) as services:
        for email in emails:
            narrow, wide = services.fingerprinter.of_email(parse_email(email))
            choice = Choice(Action.COMPLAIN, Source.PROVIDER, "newsletter", "email", received_at)
            ref = Ref(wide=wide, narrow=narrow, address=email)
            now = max(received_at, datetime.now(UTC))
            unit = Unit(now=now, choices=(ChoiceItem(ref=ref, choice=choice),))
            seq = (await services.journal.record(unit)).head
            async with services.database.write() as tx:
                key = f"{email} {received_at}"
                await tx.fetch(_EVENT, connection, key, b"x", to_micros(received_at), seq, seq)


def tell(
    console: Console, *emails: str, connection: str = "news", received_at: datetime | None = None
) -> None:
    """A provider reports complaints."""
    asyncio.run(_tell(console, *emails, connection=connection, received_at=received_at or datetime.now(UTC)))


def between(begin: datetime, end: datetime) -> tuple[str, str, str]:
    return "--between", begin.isoformat(), end.isoformat()


LATELY = between(NOW - HOUR, NOW + HOUR)


def ids_of_imports(said: str) -> list[str]:
    return re.findall(r"--import ([0-9a-f]{32})", said)


@pytest.fixture
def people(console: Console) -> Console:
    """Ada and Bo, who said yes long ago, and were imported."""
    console.ok("import", str(file_of(console, yes("ada@example.com"), yes("bo@example.com"))))
    return console


def test_what_a_connection_told_in_a_span_is_voided_and_the_yes_counts_again(people: Console) -> None:
    tell(people, "ada@example.com", "bo@example.com")
    assert "reported mail as spam" in said_of(people, "ada@example.com")

    ran = people.ok("void", "--connection", "news", *LATELY, *WHY)

    assert ran.out.startswith("Voided:")
    assert "2  complain newsletter" in ran.out
    for email in ("ada@example.com", "bo@example.com"):
        said = said_of(people, email)
        assert said.startswith("Yes:")
        assert "void newsletter by operator they sent a test list" in said
    people.ok("verify")


def test_a_dry_run_counts_shows_masked_examples_and_changes_nothing(people: Console) -> None:
    tell(people, "ada@example.com", "stranger@example.com")
    ran = people.ok("void", "--connection", "news", *LATELY, *WHY, "--dry-run")
    assert ran.out.startswith("Nothing was changed.")
    assert "2  complain newsletter" in ran.out
    assert "a•••@example.com: complain newsletter" in ran.out
    assert "an address that is not known here" in ran.out
    assert "ada@example.com" not in ran.said
    assert said_of(people, "ada@example.com").startswith("No:")


def test_only_that_connection_and_only_that_time(people: Console) -> None:
    tell(people, "ada@example.com", connection="other")
    tell(people, "bo@example.com", received_at=NOW - 3 * HOUR)
    tell(people, "cy@example.com")
    ran = people.ok("void", "--connection", "news", *LATELY, *WHY)
    assert "1  complain newsletter" in ran.out
    assert said_of(people, "ada@example.com").startswith("No:")
    assert said_of(people, "bo@example.com").startswith("No:")


def test_both_ends_of_the_span_are_in_it(people: Console) -> None:
    moment = NOW.replace(microsecond=654_321)
    tell(people, "ada@example.com", received_at=moment)
    beside = timedelta(microseconds=1)
    for span in ((moment - HOUR, moment - beside), (moment + beside, moment + HOUR)):
        assert "nothing found" in people.refused("void", "--connection", "news", *between(*span), *WHY)
    assert "1  complain" in people.ok("void", "--connection", "news", *between(moment, moment), *WHY).out


def test_voided_again_it_says_so_and_changes_nothing(people: Console) -> None:
    tell(people, "ada@example.com")
    command = ("void", "--connection", "news", *LATELY, *WHY)
    people.ok(*command)
    again = people.ok(*command)
    assert again.out == "Nothing was changed: all 1 entries are voided already.\n"
    tell(people, "bo@example.com")
    assert "1  voided before" in people.ok(*command).out


def test_an_import_says_its_id_and_is_voided_by_it_whole(console: Console) -> None:
    lines = [yes(f"p{n}@example.com") for n in range(30)]
    ran = console.ok("import", str(file_of(console, *lines)))
    [run] = ids_of_imports(ran.err)

    told = console.ok("void", "--import", run, *WHY)

    assert "30  give newsletter" in told.out
    assert "30  fact *" in told.out
    assert "never asked" in said_of(console, "p7@example.com")
    console.ok("verify")
    # The right file counts.
    console.ok("import", str(file_of(console, *lines, yes("new@example.com"))))
    assert said_of(console, "p7@example.com").startswith("Yes:")


def test_stops_that_were_imported_by_mistake_are_voided_and_those_of_people_hold(people: Console) -> None:
    people.ok("stop", "bo@example.com", "--reason", "asked by telephone")
    list_ = people.folder / "stops.csv"
    list_.write_text("email\nada@example.com\nbo@example.com\nnobody@example.com\n")
    [run] = ids_of_imports(people.ok("import", str(list_), "--stop").err)
    assert said_of(people, "ada@example.com").startswith("No:")

    people.ok("void", "--import", run, *WHY)

    assert said_of(people, "ada@example.com").startswith("Yes:")
    assert said_of(people, "bo@example.com").startswith("No:")
    people.ok("verify")


def test_of_an_import_only_a_span_may_be_voided(console: Console) -> None:
    [run] = ids_of_imports(console.ok("import", str(file_of(console, yes("ada@example.com")))).err)
    early = between(NOW - 3 * HOUR, NOW - 2 * HOUR)
    assert "nothing found" in console.refused("void", "--import", run, *early, *WHY)
    assert "1  give" in console.ok("void", "--import", run, *LATELY, *WHY).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--connection NAME, or --import ID"),
        (("--connection", "a", "--import", "b"), "--connection NAME, or --import ID"),
        (("--connection", "news"), "--between: say of which time"),
        (("--connection", "news", "--between", "yesterday", "now"), "--between: write times like"),
        (
            ("--connection", "news", "--between", "2026-11-23T09:00", "2026-11-23T10:00Z"),
            "--between: 2026-11-23T09:00 needs a zone; write 2026-11-23T09:00Z if it is UTC",
        ),
        (
            ("--connection", "news", "--between", "2026-11-23T11:00Z", "2026-11-23T10:00Z"),
            "--between: the first time is after the second",
        ),
        (("--connection", "nothing", *LATELY), "--connection: there is no 'nothing'; there is none"),
        (("--import", "0" * 32), "--import: no import has this id; the newest are:\n  none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(
    console: Console, arguments: tuple[str, ...], message: str
) -> None:
    assert message in console.refused("void", *arguments, *WHY)


def test_without_a_reason_nothing_is_voided(console: Console) -> None:
    assert "--reason" in console.refused("void", "--import", "0" * 32)
    assert "--reason: say why" in console.refused("void", "--import", "0" * 32, "--reason", " ")


def test_an_unknown_import_names_the_newest_ones(people: Console) -> None:
    said = people.refused("void", "--import", "0" * 32, *WHY)
    assert re.search(r"  [0-9a-f]{32}  20\d\d-\d\d-\d\d \d\d:\d\d UTC  people\.csv", said)
    assert HEADER not in said
