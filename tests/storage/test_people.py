"""Whose address it is: spellings, changes of address, and ids that contradict each other."""

import asyncio
from datetime import timedelta
from itertools import combinations

import pytest
from msgspec.structs import replace

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source
from prefcenter.storage.units import FactsItem, Ref, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.storage.ledgers import CATALOG, NOW, VAULT, Ledger, by_link, fingerprints, item, known_as, unit

STOP = (Action.WITHDRAW, Source.ONE_CLICK)
YES = (Action.GIVE, Source.FORM)
NUMBER = b"n" * 16
LATER = NOW + timedelta(minutes=2)


async def people(ledger: Ledger) -> int:
    return int((await ledger.rows("SELECT count(*) FROM subject"))[0][0])


async def test_the_same_address_is_the_same_person(ledger: Ledger) -> None:
    first = await ledger.one(*YES, known_as("ada@example.com"))
    second = await ledger.one(*YES, known_as("ada@EXAMPLE.COM"), "digest")
    assert first.subject == second.subject
    assert (second.matched, await people(ledger)) == (None, 1)


async def test_another_spelling_of_a_known_address_is_that_person_and_says_so(ledger: Ledger) -> None:
    first = await ledger.one(*YES, known_as("ada@example.com"))
    second = await ledger.one(*YES, known_as("Ada@example.com"), "digest")
    assert (second.subject, second.matched) == (first.subject, "spelling")
    assert await people(ledger) == 1


@pytest.mark.parametrize(("known", "mailed"), list(combinations(["ada@x.example", "ADA@X.EXAMPLE"], 2)))
async def test_a_stop_catches_every_spelling(ledger: Ledger, known: str, mailed: str) -> None:
    await ledger.one(*YES, known_as(known))
    await ledger.one(*STOP, by_link(mailed))
    assert (await ledger.decision(known)).reason == "withdrawn"
    assert (await ledger.decision(mailed)).reason == "withdrawn"


async def test_a_stop_waits_for_whoever_comes_to_its_address(ledger: Ledger) -> None:
    await ledger.one(Action.COMPLAIN, Source.PROVIDER, by_link("ada@example.com"), "*", "*")
    result = await ledger.one(*YES, known_as("Ada@Example.com"))
    assert (result.effect, result.reason) == (Effect.PENDING, "needs_confirmation")
    assert (await ledger.decision("ada@example.com")).reason == "complained"


async def test_one_person_may_have_several_ids(ledger: Ledger) -> None:
    first = await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    await ledger.one(*YES, known_as("ada@example.com", external_id="shop-7"))
    by_shop = await ledger.one(Action.WITHDRAW, Source.OPERATOR, Ref(external_id="shop-7"))
    assert by_shop.subject == first.subject
    assert first.subject is not None
    assert await ledger.reader.external_ids_of(first.subject) == ["crm-1", "shop-7"]


# --- change of address ----------------------------------------------------------------------------------


async def test_a_known_id_with_a_new_address_takes_the_stops_along_and_asks_anew(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    await ledger.one(*YES, known_as("ada@example.com"), "sharing")
    await ledger.one(*STOP, by_link("ada@example.com"))
    await ledger.journal.record(
        Unit(now=LATER, facts=(FactsItem(ref=known_as("new@example.com", external_id="crm-1")),))
    )
    assert (await ledger.decision("new@example.com")).reason == "withdrawn"
    assert (await ledger.decision("new@example.com", "sharing")).reason == "never_asked"
    assert (await ledger.decision("ada@example.com")).reason == "withdrawn"
    assert await people(ledger) == 1
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_a_bounce_stays_with_the_address_that_bounced(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    await ledger.one(Action.BOUNCE, Source.PROVIDER, by_link("ada@example.com"), "*", "email")
    await ledger.one(*YES, known_as("new@example.com", external_id="crm-1"))
    assert (await ledger.decision("new@example.com")).allowed
    assert (await ledger.decision("ada@example.com")).reason == "bounced"


async def test_a_change_of_address_voids_older_links_and_a_first_address_does_not(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    first = await ledger.reader.contact_at(*fingerprints("ada@example.com"))
    assert first is not None
    assert first.epoch < NOW - timedelta(days=365)
    await ledger.one(*YES, known_as("new@example.com", external_id="crm-1"), now=LATER)
    moved = await ledger.reader.contact_at(*fingerprints("new@example.com"))
    assert moved is not None
    assert moved.epoch == LATER
    assert await ledger.reader.contact_at(*fingerprints("ada@example.com")) is None


async def test_a_stop_moves_nobody(ledger: Ledger) -> None:
    given = await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    await ledger.one(Action.WITHDRAW, Source.OPERATOR, known_as("new@example.com", external_id="crm-1"))
    for address in ("ada@example.com", "new@example.com"):
        assert (await ledger.decision(address)).reason == "withdrawn"
    contact = await ledger.reader.contact_at(*fingerprints("ada@example.com"))
    assert contact is not None and contact.subject == given.subject
    assert await ledger.reader.contact_at(*fingerprints("new@example.com")) is None


async def test_an_address_that_was_given_up_can_be_taken_by_another_in_the_same_breath(
    ledger: Ledger,
) -> None:
    await ledger.one(*YES, known_as("a@example.com", external_id="crm-a"))
    await ledger.one(*YES, known_as("b@example.com", external_id="crm-b"))
    moves = [("c@example.com", "crm-a"), ("d@example.com", "crm-b"), ("b@example.com", "crm-a")]
    units = [unit(item(*YES, known_as(address, external_id=name))) for address, name in moves]
    await asyncio.gather(*map(ledger.journal.record, units))
    assert await verify(ledger.database, CATALOG, VAULT) == []
    taken = await ledger.reader.contact_at(*fingerprints("b@example.com"))
    assert taken is not None
    assert await ledger.reader.external_ids_of(taken.subject) == ["crm-a"]


async def test_coming_back_to_an_old_address_does_not_bring_its_yes_back(ledger: Ledger) -> None:
    for address in ("ada@example.com", "new@example.com"):
        await ledger.one(*YES, known_as(address, external_id="crm-1"))
    await ledger.one(Action.REQUEST, Source.OPERATOR, known_as("ada@example.com", external_id="crm-1"))
    assert (await ledger.decision("ada@example.com")).reason == "requested"
    again = await ledger.one(
        Action.GIVE, Source.IMPORT, known_as("ada@example.com"), stated_at=NOW, wording="Yes, mail me."
    )
    assert again.reason == "already_known"


async def test_undoing_a_stop_after_a_change_of_address_does_not_lift_its_copy(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    stop = await ledger.one(*STOP, by_link("ada@example.com"))
    await ledger.one(Action.REQUEST, Source.OPERATOR, known_as("new@example.com", external_id="crm-1"))
    undo = await ledger.one(
        Action.INVALIDATE, Source.PAGE, by_link("ada@example.com"), undoes=stop.entry, now=LATER
    )
    assert undo.effect is Effect.APPLIED
    assert (await ledger.decision("ada@example.com")).reason == "never_asked"
    assert (await ledger.decision("new@example.com")).reason == "withdrawn"
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_an_undo_of_a_stop_of_another_address_does_nothing(ledger: Ledger) -> None:
    stop = await ledger.one(*STOP, by_link("ada@example.com"))
    undo = await ledger.one(
        Action.INVALIDATE, Source.PAGE, by_link("bo@example.com"), undoes=stop.entry, now=LATER
    )
    assert (undo.effect, undo.reason) == (Effect.NONE, "nothing_to_invalidate")
    assert (await ledger.decision("ada@example.com")).reason == "withdrawn"


# --- contradictions -------------------------------------------------------------------------------------


async def test_an_unknown_id_is_refused_naming_it(ledger: Ledger) -> None:
    with pytest.raises(UnitRefused) as refused:
        await ledger.one(*STOP, Ref(subject="0" * 32))
    assert (refused.value.field, refused.value.conflict) == ("subject.id", False)


async def test_an_unknown_external_id_without_an_address_is_refused_naming_it(ledger: Ledger) -> None:
    with pytest.raises(UnitRefused) as refused:
        await ledger.one(*STOP, Ref(external_id="crm-1"))
    assert refused.value.field == "subject.external_id"


def two_people(bo: str | None) -> dict[str, Ref]:
    """Names of Ada and of Bo, side by side."""
    return {
        "an address and an external id": known_as("bo@example.com", external_id="crm-1"),
        "another spelling of it": known_as("BO@example.com", external_id="crm-1"),
        "an address and an id": known_as("ada@example.com", subject=bo),
        "two ids": Ref(subject=bo, external_id="crm-1"),
    }


async def test_names_of_two_people_are_a_conflict_and_no_yes(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    bo = await ledger.one(*YES, known_as("bo@example.com"))
    for case, ref in two_people(bo.subject).items():
        with pytest.raises(UnitRefused) as refused:
            await ledger.one(*YES, ref)
        assert refused.value.conflict, case
    assert await ledger.reader.head() == 2


async def test_the_refusal_names_the_item(ledger: Ledger) -> None:
    good = item(*YES, known_as("ada@example.com"))
    bad = item(*STOP, Ref(subject="nobody"))
    with pytest.raises(UnitRefused) as refused:
        await ledger.record(good, type(bad)(ref=bad.ref, index=1, choice=bad.choice))
    assert refused.value.index == 1
    assert await ledger.reader.head() == 0


async def test_a_yes_for_an_address_that_nobody_has_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UnitRefused):
        await ledger.one(Action.GIVE, Source.PAGE, by_link("ada@example.com"), shown_seq=0)
    assert await ledger.reader.head() == 0


# --- late reports and two people at one number ----------------------------------------------------------


async def test_a_late_report_by_id_spares_a_newer_yes_and_the_ledger_bears_it_out(ledger: Ledger) -> None:
    given = await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    report = await ledger.one(
        Action.WITHDRAW,
        Source.PROVIDER,
        Ref(subject=given.subject),
        "*",
        "*",
        stated_at=NOW - timedelta(hours=1),
    )
    assert [stop.cause for stop in report.known.stops] == [Cause.ALL_MARKETING]
    assert (await ledger.decision("ada@example.com")).allowed
    assert (await ledger.decision("ada@example.com", "offers")).reason == "all_marketing_stopped"
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_a_report_on_a_number_that_two_people_share_stops_both(ledger: Ledger) -> None:
    """The older yes makes the report count; the newer one, of the other person, is spared."""
    ada = Ref(
        wide=NUMBER, narrow=NUMBER, address="+10000000000", channel="sms", external_id="crm-1", create=True
    )
    bo = replace(ada, channel="phone", external_id="crm-2")
    old = NOW - timedelta(days=2)
    await ledger.one(*YES, ada, "newsletter", "sms", now=old)
    await ledger.one(*YES, bo, "newsletter", "sms", now=NOW)
    report = await ledger.one(
        Action.WITHDRAW,
        Source.PROVIDER,
        Ref(external_id="crm-2"),
        "newsletter",
        "sms",
        stated_at=NOW - timedelta(days=1),
        now=LATER,
    )
    assert report.effect is Effect.APPLIED
    standings = await ledger.rows("SELECT seq FROM standing ORDER BY seq")
    assert standings == [(1,), (3,)]
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_a_confirmed_yes_shows_that_the_address_lives(ledger: Ledger) -> None:
    ada = known_as("ada@example.com")
    await ledger.one(Action.BOUNCE, Source.PROVIDER, by_link("ada@example.com"), "*", "email")
    await ledger.one(*YES, ada)
    assert (await ledger.decision("ada@example.com")).reason == "bounced"
    await ledger.one(Action.GIVE, Source.CONFIRMATION, ada, proof=Proof.CONFIRMED, shown_seq=2)
    assert (await ledger.decision("ada@example.com")).allowed
    assert await ledger.rows("SELECT * FROM stop") == []
