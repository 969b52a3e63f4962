"""The journal's statements, named, set-based, for both databases."""

from __future__ import annotations

from prefcenter.storage.database import insert

# The end of the ledger: the next seq follows it, the next chain value builds on it.
HEAD = "SELECT seq, chain FROM ledger ORDER BY seq DESC LIMIT 1"

# Endpoints that hear of choices. A handful of rows, read in the choice's own transaction.
ENDPOINTS = "SELECT id, events FROM connection WHERE state = 'enabled'"

# Stops of the addresses in a batch.
STOP_COLUMNS = 'wide, channel, purpose, cause, source, seq, entry, "at", recorded_at'
STOPS = f"SELECT {STOP_COLUMNS} FROM stop WHERE wide {{keys}}"

# What every transaction of the journal begins with, in one round trip: the head, whether any endpoint hears
# of choices, and the stops of the addresses that are named (nulls where there are none).
HEAD_AND_STOPS = """
SELECT head.seq, head.chain, head.heard, {columns} FROM (
    SELECT seq, chain, EXISTS (SELECT 1 FROM connection WHERE state = 'enabled') AS heard
    FROM ledger ORDER BY seq DESC LIMIT 1) AS head
LEFT JOIN stop ON stop.wide {{keys}}
""".format(columns=", ".join(f"stop.{name}" for name in STOP_COLUMNS.split(", ")))

# What people have said yes to, or were asked.
STANDING_COLUMNS = (
    'subject_id, purpose, channel, status, seq, entry, "at", proof, version, until, said_at, '
    "declined, noticed, noticed_at"
)
STANDINGS = f"SELECT {STANDING_COLUMNS} FROM standing WHERE subject_id {{keys}}"

# Contact points by any spelling of an address.
CONTACTS_BY_WIDE = "SELECT subject_id FROM contact_point WHERE wide {keys}"

# Every contact point of some people, and since when we know them.
CONTACTS_BY_SUBJECT = (
    "SELECT c.subject_id, c.channel, c.narrow, c.wide, c.sealed, s.created_at "
    "FROM contact_point c JOIN subject s ON s.id = c.subject_id WHERE c.subject_id {keys} ORDER BY c.id"
)

EXTERNAL_IDS = "SELECT value, subject_id FROM external_id WHERE value {keys}"

EXTERNAL_IDS_OF = "SELECT subject_id, value FROM external_id WHERE subject_id {keys} ORDER BY value"

FACTS = "SELECT subject_id, body FROM fact WHERE subject_id {keys}"

LEDGER_COLUMNS = (
    "seq, entry, subject_id, wide, channel, purpose, action, source, cause, effect, reason, "
    "occurred_at, recorded_at, version, proof, target, until"
)

ENTRIES_BY_ID = f"SELECT {LEDGER_COLUMNS} FROM ledger WHERE entry {{keys}}"

ENTRIES_BY_WIDE = f"SELECT {LEDGER_COLUMNS} FROM ledger WHERE wide {{keys}}"

PAYLOADS = "SELECT seq, sealed FROM payload WHERE seq {keys}"

# Addresses that somebody had at some time: a link issued then must not open the next owner's page.
ONCE_HELD = "SELECT DISTINCT wide FROM ledger WHERE subject_id IS NOT NULL AND wide {keys}"

# An answer once given under an idempotency key.
CLAIMS = "SELECT api_key, key, fingerprint, status, response FROM idempotency_key WHERE key {keys}"

ADD_LEDGER = insert(
    "ledger",
    {
        "seq": "bigint",
        "entry": "text",
        "subject_id": "text",
        "wide": "bytea",
        "channel": "text",
        "purpose": "text",
        "action": "text",
        "source": "text",
        "cause": "text",
        "effect": "text",
        "reason": "text",
        "occurred_at": "bigint",
        "recorded_at": "bigint",
        "version": "int",
        "proof": "text",
        "target": "text",
        "until": "bigint",
        "digest": "bytea",
        "chain": "bytea",
    },
)

ADD_PAYLOAD = insert("payload", {"seq": "bigint", "salt": "bytea", "sealed": "bytea"})

PUT_STOP = insert(
    "stop",
    {
        "wide": "bytea",
        "channel": "text",
        "purpose": "text",
        "cause": "text",
        "source": "text",
        "seq": "bigint",
        "entry": "text",
        "at": "bigint",
        "recorded_at": "bigint",
    },
    "ON CONFLICT (wide, channel, purpose, cause) DO UPDATE SET source = excluded.source, "
    'seq = excluded.seq, entry = excluded.entry, "at" = excluded."at", recorded_at = excluded.recorded_at',
)

# One at a time: a stop is dropped only by an undo or by proof that an address lives.
DROP_STOP = "DELETE FROM stop WHERE wide = $1 AND channel = $2 AND purpose = $3 AND cause = $4"

_STANDING = {
    "subject_id": "text",
    "purpose": "text",
    "channel": "text",
    "status": "text",
    "seq": "bigint",
    "entry": "text",
    "at": "bigint",
    "proof": "text",
    "version": "int",
    "until": "bigint",
    "said_at": "bigint",
    "declined": "int",
    "noticed": "int",
    "noticed_at": "bigint",
}

ADD_STANDING = insert("standing", _STANDING)

PUT_STANDING = insert(
    "standing",
    _STANDING,
    "ON CONFLICT (subject_id, purpose, channel) DO UPDATE SET status = excluded.status, seq = excluded.seq, "
    'entry = excluded.entry, "at" = excluded."at", proof = excluded.proof, version = excluded.version, '
    "until = excluded.until, said_at = excluded.said_at, declined = excluded.declined, "
    "noticed = excluded.noticed, noticed_at = excluded.noticed_at",
)

DROP_STANDING = "DELETE FROM standing WHERE subject_id = $1 AND purpose = $2 AND channel = $3"

ADD_SUBJECT = insert("subject", {"id": "text", "created_at": "bigint"})

ADD_EXTERNAL_ID = insert("external_id", {"value": "text", "subject_id": "text"})

_CONTACT_POINT = {
    "subject_id": "text",
    "channel": "text",
    "sealed": "bytea",
    "narrow": "bytea",
    "wide": "bytea",
    "epoch": "bigint",
}

ADD_CONTACT = insert("contact_point", _CONTACT_POINT)

# An address that takes another's place moves the epoch: links issued for the old one are void.
PUT_CONTACT = insert(
    "contact_point",
    _CONTACT_POINT,
    "ON CONFLICT (subject_id, channel) DO UPDATE SET sealed = excluded.sealed, narrow = excluded.narrow, "
    "wide = excluded.wide, epoch = excluded.epoch",
)

_FACT = {"subject_id": "text", "seq": "bigint", "body": "text"}

ADD_FACT = insert("fact", _FACT)

PUT_FACT = insert(
    "fact",
    _FACT,
    "ON CONFLICT (subject_id) DO UPDATE SET seq = excluded.seq, body = excluded.body",
)

PUT_WORDING = insert(
    "wording",
    {"digest": "text", "language": "text", "text": "text", "first_seen_at": "bigint"},
    "ON CONFLICT (digest) DO NOTHING",
)

ADD_DELIVERY = insert(
    "delivery",
    {
        "id": "text",
        "connection_id": "text",
        "seq": "bigint",
        "event": "text",
        "suppressing": "boolean",
        "body": "bytea",
        "state": "text",
        "attempts": "int",
        "created_at": "bigint",
        "next_at": "bigint",
        "token": "int",
    },
)

ADD_CLAIM = insert(
    "idempotency_key",
    {
        "api_key": "text",
        "key": "text",
        "fingerprint": "bytea",
        "status": "int",
        "response": "bytea",
        "created_at": "bigint",
    },
)
