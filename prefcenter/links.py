"""Signed links: one power, one salt, one lifetime (docs/decisions/0004). No link carries an address.

Every power is a different kind of token: the salt is part of the key, so one never works as another.
"""

from __future__ import annotations

import base64
import hmac
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from itsdangerous.signer import Signer

from prefcenter.domain.addresses import FINGERPRINT_BYTES
from prefcenter.domain.judge import UNDO_LIFE
from prefcenter.domain.mail_retries import CONFIRM_LIFE

MANAGE_LIFE = timedelta(days=60)

MAX_TOKEN = 400
MAX_CAMPAIGN = 32
_SEPARATOR = "."
_MOMENT_BYTES = 7
_VERSION_BYTES = 4
#: Of an id and of its signature each; together they are so many letters of base64.
_SHORT_BYTES, _SHORT_LETTERS = 16, 43
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Power(StrEnum):
    """The salts. `prove` is reserved for what is still to come."""

    STOP = "stop"
    UNDO = "undo"
    MANAGE = "manage"
    PROVE = "prove"
    CONFIRM = "confirm"
    CHOICE = "choice"
    TASK = "task"
    FEEDBACK = "feedback"
    MESSAGE = "message"


class BadLink(Exception):
    """Forged, truncated, re-spelled, of another instance or of another power. Says no more, on purpose."""


@dataclass(frozen=True, slots=True)
class StopLink:
    """Stops this purpose or all marketing. Never expires, over every key rotation."""

    wide: bytes
    purpose: str
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class UndoLink:
    """Takes back the stop just made."""

    entry: str
    issued_at: datetime

    def expired(self, now: datetime) -> bool:
        return now - self.issued_at > UNDO_LIFE


@dataclass(frozen=True, slots=True)
class ManageLink:
    """Opens the preferences page. Void if issued before the contact point's epoch."""

    narrow: bytes
    wide: bytes
    issued_at: datetime

    def expired(self, now: datetime) -> bool:
        return now - self.issued_at > MANAGE_LIFE


@dataclass(frozen=True, slots=True)
class ConfirmLink:
    """Confirms what was asked for by one mail. `confirmation`: its id, 32 hex digits."""

    confirmation: str
    issued_at: datetime

    def expired(self, now: datetime) -> bool:
        return now - self.issued_at > CONFIRM_LIFE


@dataclass(frozen=True, slots=True)
class TaskLink:
    """A third party confirms that it acted. Never expires: an obligation does not. `task`: its id."""

    task: str


@dataclass(frozen=True, slots=True)
class AskedLink:
    """Answers a question that was mailed. `asked`: the id of the person's row in the campaign."""

    asked: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class QuestionLink:
    """Answers a question that stands on the preferences page, about the purpose in that version."""

    narrow: bytes
    wide: bytes
    purpose: str
    version: int
    issued_at: datetime


class _FastSigner(Signer):
    """itsdangerous' Signer with the salt already in the key, and the key already in the HMAC."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key, sep=_SEPARATOR, key_derivation="none", digest_method=sha256)
        self.keyed = HMAC(key, SHA256())

    def get_signature(self, value: str | bytes) -> bytes:
        mac = self.keyed.copy()
        mac.update(value.encode() if isinstance(value, str) else value)
        return _encode(mac.finalize())


class Links:
    """Mints and reads tokens. `secret_keys` are oldest first; the last one signs.

    Only stop tokens are read under the older keys: a rotation ends every other power.
    """

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        self._stop = [_signer(key, Power.STOP) for key in reversed(secret_keys)]
        self._undo = [_signer(secret_keys[-1], Power.UNDO)]
        self._manage = [_signer(secret_keys[-1], Power.MANAGE)]
        self._confirm = [_signer(secret_keys[-1], Power.CONFIRM)]
        self._task = [_signer(secret_keys[-1], Power.TASK)]
        self._choice = [_signer(secret_keys[-1], Power.CHOICE)]
        # These come back in the headers of old mails, and open nothing.
        self._feedback = [_signer(key, Power.FEEDBACK) for key in reversed(secret_keys)]
        self._message = [_signer(key, Power.MESSAGE) for key in reversed(secret_keys)]

    def stop(self, link: StopLink) -> str:
        return self.stop_minter(link.purpose, link.campaign)(link.wide)

    def stop_minter(self, purpose: str, campaign: str = "") -> Callable[[bytes], str]:
        """A function from wide fingerprints to stop tokens, for a list of recipients."""
        tail = f"{purpose}\0{campaign}".encode()
        keyed, encode, table = self._stop[0].keyed.copy, b2a_base64, _URL_SAFE
        # 32 bytes of signature make one character of padding.
        end = -(-(FINGERPRINT_BYTES + len(tail)) % 3) or None

        def mint(wide: bytes) -> str:
            # `_mint`, spelled out: this runs once for every recipient of every mailing.
            value = encode(wide + tail, newline=False)[:end].translate(table)
            mac = keyed()
            mac.update(value)
            signature = encode(mac.finalize(), newline=False)[:-1].translate(table)
            return (value + b"." + signature).decode()

        return mint

    def read_stop(self, token: str) -> StopLink:
        """Raises BadLink."""
        payload = _read(token, self._stop)
        purpose, _, campaign = payload[FINGERPRINT_BYTES:].decode().partition("\0")
        return StopLink(payload[:FINGERPRINT_BYTES], purpose, campaign)

    def feedback_minter(self, about: str) -> Callable[[bytes], str]:
        """A function from wide fingerprints to the signed part of a Feedback-ID.

        `about`: what stands before it there, which is signed along. Whoever has one can report a complaint
        of that address and nothing else; without a key nobody makes one (RFC 9477 warns of those who try).
        """
        keyed, tail = self._feedback[0].keyed, about.encode()

        def mint(wide: bytes) -> str:
            return _encode(wide + _short(keyed, wide + tail)).decode()

        return mint

    def read_feedback(self, about: str, signed: str) -> bytes:
        """The wide fingerprint. Raises BadLink."""
        return _read_short(signed, self._feedback, about.encode())

    def message(self, mail: str) -> str:
        """What stands before the @ in the Message-ID of a mail of ours; `mail`: its id, 32 hex digits."""
        return _encode(bytes.fromhex(mail) + _short(self._message[0].keyed, bytes.fromhex(mail))).decode()

    def read_message(self, signed: str) -> str:
        """The id of the mail. Raises BadLink."""
        return _read_short(signed, self._message, b"").hex()

    def undo(self, link: UndoLink) -> str:
        return _mint(self._undo[0], bytes.fromhex(link.entry) + _micros(link.issued_at))

    def read_undo(self, token: str) -> UndoLink:
        """Raises BadLink. Does not look at the age: ask `expired`."""
        payload = _read(token, self._undo)
        return UndoLink(payload[:-_MOMENT_BYTES].hex(), _moment(payload[-_MOMENT_BYTES:]))

    def manage(self, link: ManageLink) -> str:
        return self.manage_minter(link.issued_at)(link.narrow, link.wide)

    def manage_minter(self, issued_at: datetime) -> Callable[[bytes, bytes], str]:
        """A function from (narrow, wide) fingerprints to manage tokens."""
        tail = _micros(issued_at)
        signer = self._manage[0]

        def mint(narrow: bytes, wide: bytes) -> str:
            return _mint(signer, narrow + wide + tail)

        return mint

    def read_manage(self, token: str) -> ManageLink:
        """Raises BadLink. Does not look at age or epoch."""
        payload = _read(token, self._manage)
        narrow, rest = payload[:FINGERPRINT_BYTES], payload[FINGERPRINT_BYTES:]
        return ManageLink(narrow, rest[:FINGERPRINT_BYTES], _moment(rest[FINGERPRINT_BYTES:]))

    def confirm(self, link: ConfirmLink) -> str:
        return _mint(self._confirm[0], bytes.fromhex(link.confirmation) + _micros(link.issued_at))

    def read_confirm(self, token: str) -> ConfirmLink:
        """Raises BadLink. Does not look at the age: ask `expired`."""
        payload = _read(token, self._confirm)
        return ConfirmLink(payload[:-_MOMENT_BYTES].hex(), _moment(payload[-_MOMENT_BYTES:]))

    def task(self, link: TaskLink) -> str:
        return _mint(self._task[0], bytes.fromhex(link.task))

    def read_task(self, token: str) -> TaskLink:
        """Raises BadLink."""
        return TaskLink(_read(token, self._task).hex())

    def choice(self, link: AskedLink | QuestionLink) -> str:
        """Lives as long as the question is the current one, which only whoever reads it can see."""
        if isinstance(link, AskedLink):
            payload = _ASKED + bytes.fromhex(link.asked) + _micros(link.issued_at)
        else:
            version = link.version.to_bytes(_VERSION_BYTES, "big")
            who = link.narrow + link.wide
            payload = _ON_A_PAGE + who + _micros(link.issued_at) + version + link.purpose.encode()
        return _mint(self._choice[0], payload)

    def read_choice(self, token: str) -> AskedLink | QuestionLink:
        """Raises BadLink. Does not look at epoch or version."""
        payload = _read(token, self._choice)
        kind, payload = payload[:1], payload[1:]
        if kind == _ASKED:
            return AskedLink(payload[:-_MOMENT_BYTES].hex(), _moment(payload[-_MOMENT_BYTES:]))
        ends = (FINGERPRINT_BYTES, 2 * FINGERPRINT_BYTES, 2 * FINGERPRINT_BYTES + _MOMENT_BYTES)
        narrow, wide, rest = payload[: ends[0]], payload[ends[0] : ends[1]], payload[ends[2] :]
        return QuestionLink(
            narrow,
            wide,
            rest[_VERSION_BYTES:].decode(),
            int.from_bytes(rest[:_VERSION_BYTES], "big"),
            _moment(payload[ends[1] : ends[2]]),
        )


#: The two kinds of choice links, in the first byte.
_ASKED, _ON_A_PAGE = b"a", b"q"


def _signer(secret_key: bytes, power: Power) -> _FastSigner:
    # The salt goes into the key here, once, rather than at every signature.
    key = hmac.digest(secret_key, b"prefcenter link " + power.encode(), sha256)
    return _FastSigner(key)


def _mint(signer: Signer, payload: bytes) -> str:
    value = _encode(payload)
    return (value + b"." + signer.get_signature(value)).decode()


def _read(token: str, signers: Sequence[Signer]) -> bytes:
    """The payload of a token that is, to the letter, the one that would be minted for it.

    Base64 has other spellings of the same bytes (last character, padding): those are refused.
    """
    if len(token) > MAX_TOKEN or not token.isascii():
        raise BadLink
    value, _, _ = token.rpartition(_SEPARATOR)
    raw = value.encode()
    try:
        payload = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except ValueError as error:
        raise BadLink from error
    given = token.encode()
    for signer in signers:
        if hmac.compare_digest(_mint(signer, payload).encode(), given):
            return payload
    raise BadLink


def _short(keyed: HMAC, value: bytes) -> bytes:
    """16 bytes of signature: enough for what stands in a header beside other things."""
    mac = keyed.copy()
    mac.update(value)
    return mac.finalize()[:_SHORT_BYTES]


def _read_short(given: str, signers: Sequence[_FastSigner], tail: bytes) -> bytes:
    """The 16 bytes before a short signature over them and `tail`. Raises BadLink, as `_read` does."""
    if len(given) != _SHORT_LETTERS or not given.isascii():
        raise BadLink
    try:
        value = base64.urlsafe_b64decode(given + "=")[:_SHORT_BYTES]
    except ValueError as error:
        raise BadLink from error
    for signer in signers:
        expected = _encode(value + _short(signer.keyed, value + tail))
        if hmac.compare_digest(expected, given.encode()):
            return value
    raise BadLink


def _encode(payload: bytes) -> bytes:
    """URL-safe base64 without padding."""
    return b2a_base64(payload, newline=False).translate(_URL_SAFE, b"=")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _micros(moment: datetime) -> bytes:
    return ((moment - _EPOCH) // _MICROSECOND).to_bytes(_MOMENT_BYTES, "big")


def _moment(micros: bytes) -> datetime:
    return _EPOCH + int.from_bytes(micros, "big") * _MICROSECOND
