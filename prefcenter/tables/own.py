"""The documented format of prefcenter itself (docs/import.md), and the bare list of addresses to stop."""

from __future__ import annotations

from prefcenter.tables.formats import BOUNCE, COMPLAIN, FACTS, GIVE, STOP, Format, Rule, Verdict

_EVIDENCE = ("wording", "source", "url", "ip", "user_agent")
_FACTS = (
    "country",
    "language",
    "age_band",
    "subscriber",
    "relationship_kind",
    "relationship_since",
    "relationship_last_at",
    "relationship_ended_at",
    "relationship_ongoing",
    "opt_out_offered_at",
    "opt_out_wording",
    "last_contact_at",
)
_ACTIONS = {
    "give": GIVE,
    "refuse": Verdict("refuse"),
    "withdraw": Verdict("withdraw"),
    "object": Verdict("object"),
    "complain": COMPLAIN,
    "bounce": BOUNCE,
}
_UNKNOWN = Verdict(is_bad=True, why=f"action: must be one of {', '.join(_ACTIONS)}, or empty")

OWN = Format(
    name="prefcenter",
    title="prefcenter's own format",
    needs=(("email",), ("purpose", "action", "external_id", *_FACTS)),
    email=("email",),
    rules=(
        *(Rule("action", frozenset({word}), verdict) for word, verdict in _ACTIONS.items()),
        Rule("action", frozenset({""}), _UNKNOWN, unless=True),
    ),
    otherwise=FACTS,
    given_at=("occurred_at",),
    stopped_at=("occurred_at",),
    evidence={name: (name,) for name in _EVIDENCE},
    facts={name: (name,) for name in _FACTS},
    own=True,
)

#: Every column of the own format, and so every field of its NDJSON.
COLUMNS = ("email", "purpose", "channel", "action", "occurred_at", *_EVIDENCE, *_FACTS, "external_id")

STOP_LIST = Format(
    name="stop-list",
    title="a list of addresses to stop",
    needs=(("email", "email address", "e-mail", "e-mail address", "email_address", "recipient", "address"),),
    email=("email", "email address", "e-mail", "e-mail address", "email_address", "recipient", "address"),
    otherwise=STOP,
)
