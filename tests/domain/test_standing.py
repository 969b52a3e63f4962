"""How the ledger adds up: stops and what ends them, the newest yes, changes of address, undo."""

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source, Status, scope_of
from prefcenter.domain.folding import refold
from prefcenter.domain.purposes import ANY
from prefcenter.domain.standing import Stop, covers
from tests.domain.cases import (
    ACCOUNT,
    ADA,
    BO,
    CATALOG,
    DIGEST,
    EMAIL,
    MARKETING,
    NEWSLETTER,
    NOW,
    OFFERS,
    SHARING,
    SMS,
    Told,
)

DAY = timedelta(days=1)
WHERE = (EMAIL, SMS)


def blocked_by(cause: Cause, channel: str = EMAIL) -> set[tuple[str, str]]:
    """What a stop of this cause, said of the newsletter on this channel, takes in."""
    purpose, scope = scope_of(cause, "newsletter", channel)
    stop = Stop(ADA, scope, purpose, cause, Source.PAGE, 1, "e1", NOW, NOW)
    return {(p.key, where) for p in CATALOG.values() for where in WHERE if covers(stop, p, where)}


ALL = {(p.key, where) for p in CATALOG.values() for where in WHERE}
ALL_MARKETING = {(p.key, where) for p in CATALOG.values() if p.is_marketing for where in WHERE}


@pytest.mark.parametrize("cause", [Cause.WITHDRAWN, Cause.REFUSED])
def test_a_withdrawal_blocks_its_purpose_on_its_channel(cause: Cause) -> None:
    assert blocked_by(cause) == {("newsletter", EMAIL)}
    assert blocked_by(cause, ANY) == {("newsletter", EMAIL), ("newsletter", SMS)}


def test_an_objection_blocks_its_purpose_on_every_channel() -> None:
    assert blocked_by(Cause.OBJECTED) == {("newsletter", EMAIL), ("newsletter", SMS)}


def test_no_marketing_and_a_complaint_block_all_five_kinds_and_purposes_still_to_come() -> None:
    assert blocked_by(Cause.ALL_MARKETING, ANY) == blocked_by(Cause.COMPLAINED) == ALL_MARKETING
    assert {purpose.key for purpose in MARKETING} < {key for key, _ in ALL_MARKETING}
    assert not {("account", EMAIL), ("legal", EMAIL), ("recall", EMAIL)} & ALL_MARKETING


def test_a_bounce_blocks_everything_on_its_channel_and_an_erasure_everything() -> None:
    assert blocked_by(Cause.BOUNCED) == {(key, where) for key, where in ALL if where == EMAIL}
    assert blocked_by(Cause.ERASED) == ALL


def test_a_signal_blocks_sale_and_sharing() -> None:
    assert {key for key, _ in blocked_by(Cause.SIGNAL)} == {"sharing", "sale_or_sharing"}


# --- what ends a stop -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.BOUNCED])
def test_a_later_yes_reopens_its_own_purpose_on_its_channel_and_nothing_else(cause: Cause) -> None:
    told = Told()
    for purpose in (NEWSLETTER, SHARING):
        for channel in WHERE:
            told.yes(purpose, channel)
    about = SHARING if cause is Cause.SIGNAL else NEWSLETTER
    told.stopped_by(cause, about)
    assert told.decision(about).reason == cause.value
    told.yes(about)
    assert told.decision(about).allowed
    if cause not in (Cause.WITHDRAWN, Cause.REFUSED):
        assert told.decision(about, SMS).reason == cause.value
    if cause in (Cause.ALL_MARKETING, Cause.COMPLAINED, Cause.ERASED):
        assert told.decision(SHARING).reason == cause.value


@pytest.mark.parametrize("proof", [proof for proof in Proof if proof is not Proof.CONFIRMED])
def test_a_bounce_never_ends_by_a_mere_consent(proof: Proof) -> None:
    told = Told()
    told.stopped_by(Cause.BOUNCED)
    assert told.tell(Action.GIVE, Source.PAGE, proof=proof).effect is Effect.APPLIED
    assert told.decision().reason == "bounced"


def test_a_bounce_ends_where_the_mailbox_answers() -> None:
    for channel in (EMAIL, ANY):
        told = Told()
        told.tell(Action.BOUNCE, Source.PROVIDER, "*", channel)
        told.yes()
        assert told.decision().allowed
        assert told.decision(ACCOUNT).allowed


def test_nothing_is_lifted_by_a_yes_for_something_else() -> None:
    told = Told()
    told.stopped_by(Cause.ALL_MARKETING)
    told.yes(DIGEST)
    assert told.decision(DIGEST).allowed
    assert told.decision().reason == "all_marketing_stopped"
    assert told.decision(OFFERS).reason == "all_marketing_stopped"


def test_an_older_entry_that_is_repeated_moves_the_stop_up_and_keeps_its_latest_time() -> None:
    told = Told()
    clicked = told.tell(Action.WITHDRAW, Source.ONE_CLICK).occurred_at
    told.tell(Action.WITHDRAW, Source.PROVIDER, stated_at=NOW - DAY)
    (stop,) = told.state.stops_of({ADA})
    assert (stop.seq, stop.at) == (2, clicked)


# --- questions, pauses, strikes -------------------------------------------------------------------------


def test_a_request_leaves_a_yes_that_counts_and_replaces_one_that_does_not() -> None:
    told = Told()
    told.yes()
    told.tell(Action.REQUEST, Source.OPERATOR)
    assert told.decision().allowed
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.tell(Action.REQUEST, Source.OPERATOR)
    standing = told.standing()
    assert standing is not None
    assert standing.status is Status.REQUESTED
    assert told.decision().reason == "withdrawn"


def test_not_now_is_no_answer_and_a_pause_ends_by_itself() -> None:
    told = Told()
    told.tell(Action.DEFER, Source.PAGE)
    assert told.decision().reason == "deferred"
    told = Told()
    told.yes()
    told.tell(Action.DEFER, Source.PAGE, until=told.now + DAY)
    assert told.decision().reason == "deferred"
    told.now += 2 * DAY
    assert told.decision().allowed


def test_a_pause_does_not_turn_a_stop_into_a_yes() -> None:
    told = Told()
    told.yes()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.tell(Action.DEFER, Source.PAGE, until=told.now + DAY)
    told.now += 2 * DAY
    assert told.decision().reason == "withdrawn"


def test_what_has_no_effect_changes_nothing() -> None:
    told = Told()
    told.yes()
    before = (dict(told.state.standings["ada"]), told.state.stops_of({ADA}))
    assert told.tell(Action.GIVE, Source.OPERATOR).effect is Effect.NONE
    assert (told.state.standings["ada"], told.state.stops_of({ADA})) == before


# --- undo and change of address -------------------------------------------------------------------------


def test_an_undo_restores_exactly_what_its_stop_ended() -> None:
    told = Told()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.yes()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.undo("e3")
    assert told.decision().allowed
    assert [stop.entry for stop in told.state.stops_of({ADA})] == ["e1"]


def test_an_undo_of_another_stop_does_nothing() -> None:
    told = Told()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.tell(Action.OBJECT, Source.PAGE, "*", "*")
    told.undo("e1")
    told.undo("e2", BO)
    assert len(told.state.stops_of({ADA})) == 2


def test_stops_go_along_to_a_new_address_and_yeses_do_not() -> None:
    told = Told()
    told.yes(SHARING)
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.stopped_by(Cause.BOUNCED)
    told.move(ADA, BO)
    assert told.state.wides["ada"] == {BO}
    assert [(stop.cause, stop.seq) for stop in told.state.stops_of({BO})] == [(Cause.WITHDRAWN, 2)]
    assert len(told.state.stops_of({ADA})) == 2
    assert told.decision(SHARING).reason == "never_asked"


@pytest.mark.parametrize("first", [ADA, BO])
def test_the_stricter_of_two_stops_wins_as_addresses_meet(first: bytes) -> None:
    """The later place in the ledger, and the later time stated."""
    told = Told()
    other = BO if first == ADA else ADA
    late = told.tell(Action.WITHDRAW, Source.ONE_CLICK, wide=first).occurred_at
    told.tell(Action.WITHDRAW, Source.PROVIDER, wide=other, stated_at=NOW - DAY)
    told.move(ADA, BO)
    (stop,) = told.state.stops_of({BO})
    assert (stop.seq, stop.at) == (2, late)


def test_the_fold_of_a_ledger_is_the_same_in_any_order_of_reading() -> None:
    told = Told()
    told.yes()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    told.undo("e2")
    told.tell(Action.COMPLAIN, Source.PROVIDER, "*", "*", stated_at=NOW - DAY)
    told.move(ADA, BO)
    told.yes(DIGEST, wide=ADA)
    folded = refold(reversed(told.entries), CATALOG.get)
    assert (folded.stops, folded.standings) == (told.state.stops, told.state.standings)
