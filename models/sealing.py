"""What we give Temporal to keep is sealed: its server, its database and their backups hold no name and no address.

A payload is packed (above a kilobyte, where that makes it smaller) and encrypted with AES-256-GCM; its key is named
beside it, and only we have that. Inside stands also which workflow it is of, so that whoever has it opened can be
written down. Several keys may be known: the first seals, all open, so keys can be changed while orders run. What came
unsealed, from an older version or from an operator's command line, is read as it is.

    python -m models.sealing        # the key that SECRET_KEY stands for, as PAYLOAD_KEYS wants it
"""

import base64
import binascii
import os
import re
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_SUBJECT = "holdfast-of"
PACKED_FROM = 1024
"""Bytes; less is not worth packing."""
LARGEST = 64 * 1024 * 1024
"""Bytes that a payload may unpack to: Temporal takes none beyond two megabytes."""
_PLAIN, _PACKED = b"\0", b"\1"
_NONCE = 12
_KEY = 32
_NOTHING = b"binary/null"
_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Unreadable(Exception):
    """A payload is sealed with a key that this process does not have, or was tampered with."""


class Keyring(msgspec.Struct, frozen=True):
    """The keys of what Temporal keeps, by their ids."""

    keys: Mapping[str, bytes]
    current: str | None
    """Which seals; None: nothing is sealed, and what was can be read."""

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.keys)}; current {self.current})"


def derived(secret: bytes) -> tuple[str, bytes]:
    """The id and the key of a shop that has set none: they follow from its secret."""

    def made(meant: bytes, length: int) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=meant).derive(secret)

    return f"secret-{made(b'holdfast payload key id', 4).hex()}", made(b"holdfast payload key", _KEY)


def keyring(text: str | None, secret: bytes) -> Keyring | None:
    """The keys that PAYLOAD_KEYS names, and the one that follows from the secret; None: it cannot be read.

    `id:base64,id2:base64`: the first seals. Not set: the one of the secret does. `none`, alone or before keys: nothing
    is sealed any more.
    """
    own, key = derived(secret)
    if text is None:
        return Keyring({own: key}, own)
    first, *others = parts = text.split(",")
    off = first.strip() == "none"
    found: dict[str, bytes] = {}
    for part in others if off else parts:
        name, _, encoded = part.strip().partition(":")
        try:
            value = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return None
        if not _ID.fullmatch(name) or len(value) != _KEY or name in found:
            return None
        found[name] = value
    return Keyring({own: key, **found}, None if off else next(iter(found)))


class Opened(msgspec.Struct, frozen=True):
    """A payload that was opened, or that nobody had sealed."""

    payload: Payload
    subject: str | None
    """The workflow that it is of; None: not known."""


class Sealer(PayloadCodec, WithSerializationContext):
    """Seals and opens payloads."""

    def __init__(self, keys: Keyring) -> None:
        self._ciphers = {name: AESGCM(key) for name, key in keys.keys.items()}
        self._current = keys.current
        self._subject = b""

    def with_context(self, context: SerializationContext) -> "Sealer":
        """The same for payloads of one workflow."""
        subject = getattr(context, "workflow_id", None)
        meant = Sealer.__new__(Sealer)
        meant._ciphers, meant._current = self._ciphers, self._current
        # Messages one after the other are read as one, with the fields of all.
        meant._subject = Payload(metadata={_SUBJECT: subject.encode()}).SerializeToString() if subject else b""
        return meant

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return self.sealed(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return self.opened(payloads)

    def sealed(self, payloads: Iterable[Payload]) -> list[Payload]:
        """Only we can read these. Nothing is nothing to hide."""
        if self._current is None:
            return list(payloads)
        cipher, name = self._ciphers[self._current], self._current.encode()
        return [
            payload
            if payload.metadata.get("encoding") == _NOTHING
            else _sealed(cipher, name, self._subject + payload.SerializeToString())
            for payload in payloads
        ]

    def opened(self, payloads: Iterable[Payload]) -> list[Payload]:
        """As they were before they were sealed; others as they are. Raises: Unreadable."""
        return [self.open(payload).payload for payload in payloads]

    def open(self, payload: Payload) -> Opened:
        """As it was before it was sealed, and which workflow it is of. Raises: Unreadable."""
        if payload.metadata.get("encoding") != ENCODING:
            return Opened(payload, None)
        name, data = payload.metadata.get(KEY_ID, b""), payload.data
        cipher = self._ciphers.get(name.decode(errors="replace"))
        if cipher is None:
            raise Unreadable(f"sealed with the key {name!r}, which is not in PAYLOAD_KEYS")
        try:
            inside = _unpacked(cipher.decrypt(data[:_NONCE], data[_NONCE:], name))
        except (InvalidTag, ValueError, zlib.error, DecodeError) as error:
            raise Unreadable(f"not as it was sealed with the key {name!r}") from error
        subject = inside.metadata.get(_SUBJECT)
        if subject is None:
            return Opened(inside, None)
        del inside.metadata[_SUBJECT]
        return Opened(inside, subject.decode())


def _sealed(cipher: AESGCM, name: bytes, whole: bytes) -> Payload:
    inside = _PLAIN + whole
    if len(whole) >= PACKED_FROM and len(packed := zlib.compress(whole)) < len(whole):
        inside = _PACKED + packed
    nonce = os.urandom(_NONCE)
    return Payload(metadata={"encoding": ENCODING, KEY_ID: name}, data=nonce + cipher.encrypt(nonce, inside, name))


def _unpacked(inside: bytes) -> Payload:
    whole = inside[1:]
    if inside[:1] == _PACKED:
        unpacking = zlib.decompressobj()
        whole = unpacking.decompress(whole, LARGEST)
        if not unpacking.eof:
            raise ValueError("it unpacks to more than a payload can be")
    return Payload.FromString(whole)


def main() -> None:
    """Print the derived key, for whoever is about to change SECRET_KEY."""
    from models.environment import Invalid
    from models.settings import secret_key

    try:
        name, key = derived(secret_key())
    except Invalid as missing:
        sys.exit(str(missing))
    sys.stdout.write(f"{name}:{base64.b64encode(key).decode()}\n")


if __name__ == "__main__":
    main()
