"""A stop whose names do not fit together stops everybody whom they name: none is lost to a mix-up."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from prefcenter.domain.choices import OF_THE_ADDRESS, STOPS, Effect
from prefcenter.storage.batch import Batch
from prefcenter.storage.units import NAMES_DIFFER, ChoiceItem, Result


def named_apart(batch: Batch, item: ChoiceItem) -> list[ChoiceItem]:
    """The same stop for each whom it names. Empty: it names one person, or is no stop, and stays as it is."""
    if item.choice.action not in STOPS:
        return []
    refs = batch.people.each_named(item.ref)
    if item.choice.action in OF_THE_ADDRESS:
        refs = refs[:1]
    evidence = {**item.evidence, "mismatch": NAMES_DIFFER}
    return [replace(item, ref=ref, evidence=evidence) for ref in refs]


def as_one(results: Sequence[Result]) -> Result:
    """What became of all of them, as the result of one choice: that of the first that did anything."""
    new = [result for result in results if result.effect is not Effect.NONE]
    first = next(iter(new or results))
    also = tuple(result.entry for result in new if result is not first)
    return replace(first, note=NAMES_DIFFER, also=also)
