"""Facts on a person that decide which rules apply to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutOffered:
    """When, and in which words, this person could say no as the address was collected."""

    at: datetime
    wording: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Relationship:
    """`opt_out_offered` False: it was not offered; None: nothing is known of it."""

    kind: str
    since: datetime
    last_at: datetime | None = None
    ended_at: datetime | None = None
    ongoing: bool = False
    opt_out_offered: OptOutOffered | bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    country: str | None = None
    language: str | None = None
    age_band: str | None = None
    subscriber: str | None = None
    relationship: Relationship | None = None
    last_contact_at: datetime | None = None


NO_FACTS = Facts()


def wrong_ending(since: datetime, ended_at: datetime | None, ongoing: bool) -> str | None:
    """What is wrong with the `ended_at` of a relationship, with the remedy; None: nothing. Aware times."""
    if ended_at is None:
        return None
    if ongoing:
        return "does not go with an ongoing relationship; leave one of the two out"
    return "is before the relationship began; correct one of the two" if ended_at < since else None


def merged_facts(held: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said replaces what was; whether an opt-out was offered stays until that is said anew."""
    merged = {**held, **said}
    if said.get("age_band") == "unknown" and "age_band" in held:
        # Not to know it is no statement: it takes back nothing that is known.
        merged["age_band"] = held["age_band"]
    before, after = held.get("relationship"), said.get("relationship")
    if before and after and "opt_out_offered" in before and "opt_out_offered" not in after:
        merged["relationship"] = {**after, "opt_out_offered": before["opt_out_offered"]}
    return merged
