"""Sealing: addresses and evidence are encrypted with authentication before they reach a table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_KEY_ID_BYTES = 4


class CannotUnseal(Exception):
    """None of the configured keys opens this; PREFCENTER_SECRET_KEYS lacks the key it was sealed with."""


class Vault:
    """AES-256-GCM under keys derived from the secret keys, oldest first; the last one seals."""

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        derived = [_derive(key) for key in secret_keys]
        self._ciphers = {hashlib.sha256(key).digest()[:_KEY_ID_BYTES]: AESGCM(key) for key in derived}
        self._key_id, self._cipher = list(self._ciphers.items())[-1]

    def seal(self, plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return self._key_id + nonce + self._cipher.encrypt(nonce, plain, None)

    def unseal(self, sealed: bytes) -> bytes:
        """Raises CannotUnseal."""
        sealed = bytes(sealed)
        cipher = self._ciphers.get(sealed[:_KEY_ID_BYTES])
        nonce = sealed[_KEY_ID_BYTES : _KEY_ID_BYTES + _NONCE_BYTES]
        if cipher is None:
            raise CannotUnseal("sealed with a key that is not configured")
        try:
            return cipher.decrypt(nonce, sealed[_KEY_ID_BYTES + _NONCE_BYTES :], None)
        except InvalidTag as error:
            raise CannotUnseal("the sealed bytes were changed") from error


def _derive(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"prefcenter seal v1").derive(key)
