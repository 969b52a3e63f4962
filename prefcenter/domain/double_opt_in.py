"""What came of a request since: whether a mail may still ask to confirm it, and a page still confirm it."""

from __future__ import annotations

from collections.abc import Iterable

from prefcenter.domain.choices import Cause, Entry, Status
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.standing import VALID, Standing, Stop, covers


def still_waits(request: Entry, purpose: Purpose, stops: Iterable[Stop], held: Standing | None) -> bool:
    """Whether a mail may ask for it: nobody is asked to confirm what they have stopped or given since.

    `stops`, `held`: all stops of the person, and their standing on what was asked for.
    """
    if held is None or any(_after(stop, request, purpose) for stop in stops) or _declined(request, held):
        return False
    if held.status in VALID:
        # A yes to a newer version waits, while the one before it goes on counting.
        return held.seq is not None and held.seq < request.seq
    return held.status is Status.REQUESTED and held.entry == request.entry


def taken_back(request: Entry, purpose: Purpose, stops: Iterable[Stop], held: Standing | None) -> bool:
    """Whether they have said no since. What was given, or asked for again, since may still be confirmed; and
    so may what a bounce came over: it is the proof that the address lives."""
    newest_yes = held.seq if held is not None and held.status in VALID else None
    said_no = [one for one in stops if one.cause is not Cause.BOUNCED and _after(one, request, purpose)]
    if any(newest_yes is None or stop.seq > newest_yes for stop in said_no):
        return True
    return held is not None and _declined(request, held)


def _after(stop: Stop, request: Entry, purpose: Purpose) -> bool:
    return stop.seq > request.seq and covers(stop, purpose, request.channel)


def _declined(request: Entry, held: Standing) -> bool:
    """Whether they said no to the version that was asked for, and keep the one before."""
    said_no = held.declined is not None and held.declined <= (request.version or 1)
    return held.status in VALID and said_no and held.said_at > request.occurred_at
