"""A stop whose names are not those of one person stops everybody whom they name; a yes stays refused."""

import pytest

from prefcenter.domain.choices import Action, Effect, Source
from prefcenter.storage.units import NAMES_DIFFER, FactsItem, Ref, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.storage.ledgers import (
    CATALOG,
    NOW,
    STOP,
    VAULT,
    YES,
    Ledger,
    by_link,
    fingerprints,
    item,
    known_as,
)

ADA, BO, NEW = "ada@example.com", "bo@example.com", "new@example.com"
NO_ID = "0" * 32


@pytest.fixture
async def bo(ledger: Ledger) -> str:
    """Ada, who is crm-1, and Bo, who is crm-2, said yes; Bo's id."""
    await ledger.one(*YES, known_as(ADA, external_id="crm-1"))
    said = await ledger.one(*YES, known_as(BO, external_id="crm-2"))
    assert said.subject is not None
    return said.subject


async def reasons(ledger: Ledger) -> tuple[str, ...]:
    return tuple([(await ledger.decision(address)).reason for address in (ADA, BO, NEW)])


W, YET, NEVER = "withdrawn", "consent", "never_asked"


@pytest.mark.parametrize(
    ("address", "names", "after"),
    [
        (NEW, {"external_id": "crm-1"}, (W, YET, W)),
        (NEW, {"subject": "bo"}, (YET, W, W)),
        (BO, {"external_id": "crm-1"}, (W, W, NEVER)),
        ("BO@Example.com", {"external_id": "crm-1"}, (W, W, NEVER)),
        (ADA, {"subject": "bo"}, (W, W, NEVER)),
        (None, {"subject": "bo", "external_id": "crm-1"}, (W, W, NEVER)),
        (NEW, {"subject": "bo", "external_id": "crm-1"}, (W, W, W)),
        (ADA, {"subject": "bo", "external_id": "crm-1"}, (W, W, NEVER)),
        # an id that nobody has, or has any more
        (ADA, {"subject": NO_ID}, (W, YET, NEVER)),
        (None, {"subject": NO_ID, "external_id": "crm-1"}, (W, YET, NEVER)),
    ],
)
@pytest.mark.parametrize("create", [False, True])
async def test_everybody_whom_a_stop_names_is_stopped_and_nobody_moved(
    ledger: Ledger, bo: str, address: str | None, names: dict[str, str], after: tuple[str, ...], create: bool
) -> None:
    names = {name: bo if value == "bo" else value for name, value in names.items()}
    ref = Ref(**names) if address is None else known_as(address, create=create, **names)  # type: ignore[arg-type]
    result = await ledger.one(*STOP, ref)
    assert (result.effect, result.note) == (Effect.APPLIED, NAMES_DIFFER)
    assert await reasons(ledger) == after
    # An entry for each, the answer's first.
    ids = [row[0] for row in await ledger.rows("SELECT entry FROM ledger WHERE seq > 2 ORDER BY seq")]
    assert ids == [result.entry, *result.also]
    assert len(ids) == after.count(W)
    assert await ledger.rows("SELECT count(*) FROM contact_point") == [(2,)]
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_names_of_one_person_are_one_stop_without_a_note(ledger: Ledger, bo: str) -> None:
    for ref in (
        known_as(BO, external_id="crm-2", subject=bo),
        known_as("BO@example.com", external_id="crm-2"),
        known_as(BO, external_id="never seen"),
        known_as(NEW, external_id="nor this one", create=False),
    ):
        result = await ledger.one(*STOP, ref)
        assert (result.note, result.also) == (None, ())
    assert await reasons(ledger) == (YET, W, W)


async def test_the_same_stop_again_adds_nothing(ledger: Ledger, bo: str) -> None:
    first = await ledger.one(*STOP, known_as(NEW, subject=bo))
    again = await ledger.one(*STOP, known_as(NEW, subject=bo))
    assert (again.entry, again.also) == (first.entry, first.also)
    assert await ledger.reader.head() == 4


async def test_a_bounce_is_of_the_address_alone(ledger: Ledger, bo: str) -> None:
    bounced = (Action.BOUNCE, Source.IMPORT)
    await ledger.one(*bounced, known_as(NEW, subject=bo, create=False), "*", "email")
    assert await reasons(ledger) == (YET, YET, "bounced")


async def test_facts_beside_such_a_stop_are_left_out_for_they_could_be_of_either(
    ledger: Ledger, bo: str
) -> None:
    ref = known_as(ADA, subject=bo)
    facts = FactsItem(ref=ref, facts={"country": "DE"})
    await ledger.journal.record(Unit(now=NOW, facts=(facts,), choices=(item(*STOP, ref),)))
    assert await reasons(ledger) == (W, W, NEVER)
    assert await ledger.rows("SELECT count(*) FROM ledger WHERE action = 'fact'") == [(0,)]


async def test_a_yes_in_the_same_call_as_a_stop_of_its_person_is_refused(ledger: Ledger, bo: str) -> None:
    yes, stop = item(*YES, known_as(BO)), item(*STOP, known_as(NEW, subject=bo))
    for pair in ((yes, stop), (stop, yes)):
        with pytest.raises(UnitRefused, match="twice in one call"):
            await ledger.record(*pair)
    two = await ledger.record(stop, item(*STOP, known_as(BO)))
    assert [result.effect for result in two.results] == [Effect.APPLIED] * 2
    assert await reasons(ledger) == (YET, W, W)


async def test_in_a_list_every_stop_holds_whatever_stands_beside_it(ledger: Ledger, bo: str) -> None:
    imported = Source.IMPORT
    rows = (
        item(Action.OBJECT, imported, known_as(NEW, subject=bo, create=False), "*", "*"),
        item(Action.OBJECT, imported, known_as(BO, create=False), "*", "*"),
    )
    outcome = await ledger.journal.record(Unit(now=NOW, choices=rows, sparing=True))
    assert [(one.effect, one.reason) for one in outcome.results] == [
        (Effect.APPLIED, None),
        (Effect.NONE, "already_known"),
    ]
    assert await reasons(ledger) == (YET, "all_marketing_stopped", "all_marketing_stopped")


async def test_one_that_stands_already_does_not_hide_the_other(ledger: Ledger, bo: str) -> None:
    await ledger.one(Action.OBJECT, Source.ONE_CLICK, by_link(NEW), "*", "*")
    row = item(Action.OBJECT, Source.IMPORT, known_as(NEW, subject=bo, create=False), "*", "*")
    for effect in (Effect.APPLIED, Effect.NONE):
        outcome = await ledger.journal.record(Unit(now=NOW, choices=(row,), sparing=True))
        assert [(one.effect, one.note) for one in outcome.results] == [(effect, NAMES_DIFFER)]
    assert (await ledger.decision(BO)).reason == "all_marketing_stopped"
    contact = await ledger.reader.contact_at(*fingerprints(BO))
    assert contact is not None and contact.subject == bo
