"""Sealed payloads: nobody reads or changes them without the key, and keys can be changed while orders run."""

import base64
import os
import subprocess
import sys
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, WorkflowSerializationContext
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from models import sealing, wire
from models.errors import Refusal, refusal_of
from models.sealing import ENCODING, KEY_ID, Keyring, Opened, Sealer, Unreadable, derived, keyring
from tests.seals import KEYS

OLD, NEW = Keyring({"old": b"o" * 32}, "old"), Keyring({"new": b"n" * 32, "old": b"o" * 32}, "new")


def plain(data: bytes = b'{"email":"ada@example.com"}') -> Payload:
    """JSON as our converter makes it."""
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def one(payloads: list[Payload]) -> Payload:
    """The only one."""
    [payload] = payloads
    return payload


@pytest.mark.parametrize("size", [0, 1, 900, 1023, 1024, 5000, 2_000_000])
@pytest.mark.parametrize("chance", [True, False])
def test_what_is_sealed_comes_out_as_it_went_in(size: int, chance: bool) -> None:
    """Given any data, packed or too random for that, then it comes out equal, with all that stood beside it."""
    payload = Payload(
        metadata={"encoding": b"binary/plain", "messageType": b"x"}, data=os.urandom(size) if chance else b"a" * size
    )
    sealed = one(Sealer(KEYS).sealed([payload]))
    assert (sealed.metadata["encoding"], sealed.metadata[KEY_ID]) == (ENCODING, b"tests")
    assert set(sealed.metadata) == {"encoding", KEY_ID}
    assert one(Sealer(KEYS).opened([sealed])) == payload


def test_what_is_long_is_packed_first() -> None:
    """Given a long message, then it is smaller sealed than open; a short one grows by less than a hundred bytes."""
    long, short = plain(b'{"line":"one mug"}' * 500), plain()
    assert one(Sealer(KEYS).sealed([long])).ByteSize() < long.ByteSize() / 10
    assert one(Sealer(KEYS).sealed([short])).ByteSize() - short.ByteSize() < 100


def test_nothing_of_it_can_be_read() -> None:
    """Given a message with an address, then its sealed bytes hold neither the address nor twice the same."""
    sealed = [one(Sealer(KEYS).sealed([plain()])) for _ in range(50)]
    assert not [each for each in sealed if b"ada" in each.SerializeToString()]
    assert len({each.data for each in sealed}) == 50
    assert len({each.data[:12] for each in sealed}) == 50


def test_nothing_is_nothing_to_hide() -> None:
    """Given None, then it travels as it is."""
    nothing = Payload(metadata={"encoding": b"binary/null"})
    assert Sealer(KEYS).sealed([nothing]) == [nothing]


def test_what_is_not_sealed_is_read_as_it_is() -> None:
    """Given a payload of an older version or of an operator's command line, then opening it changes nothing."""
    assert Sealer(KEYS).opened([plain()]) == [plain()]


@pytest.mark.parametrize("size", [3, 5000])
def test_a_payload_knows_which_workflow_it_is_of(size: int) -> None:
    """Given a payload of an order, packed or not, then whoever opens it learns which; nobody else does."""
    context = WorkflowSerializationContext(namespace="default", workflow_id="order/x/1")
    sealer = Sealer(KEYS)
    of_order = one(sealer.with_context(context).sealed([plain(b"1" * size)]))
    assert b"order" not in of_order.SerializeToString()
    assert sealer.open(of_order) == Opened(plain(b"1" * size), "order/x/1")
    assert sealer.open(one(sealer.sealed([plain()]))) == Opened(plain(), None)
    assert sealer.open(plain()) == Opened(plain(), None)


def test_keys_can_be_changed_while_orders_run() -> None:
    """Given the new key before the old one, then the new one seals and both are read; without the old one, not."""
    before, after = one(Sealer(OLD).sealed([plain()])), one(Sealer(NEW).sealed([plain()]))
    assert (before.metadata[KEY_ID], after.metadata[KEY_ID]) == (b"old", b"new")
    assert Sealer(NEW).opened([before, after]) == [plain(), plain()]
    with pytest.raises(Unreadable, match=r"key b'new', which is not in PAYLOAD_KEYS"):
        Sealer(OLD).opened([after])


def test_who_seals_no_more_still_reads() -> None:
    """Given `none`, then payloads stay as they are, and sealed ones are read."""
    off = keyring("none", b"s" * 32)
    on = keyring(None, b"s" * 32)
    assert off is not None
    assert on is not None
    assert Sealer(off).sealed([plain()]) == [plain()]
    assert Sealer(off).opened(Sealer(on).sealed([plain()])) == [plain()]


def tampered(payload: Payload, data: bytes | None = None, key: bytes | None = None) -> Payload:
    """The same with other data, or under another key's name."""
    metadata = {**payload.metadata, KEY_ID: payload.metadata[KEY_ID] if key is None else key}
    return Payload(metadata=metadata, data=payload.data if data is None else data)


def test_what_was_changed_is_not_read() -> None:
    """Given a flipped bit anywhere, less or more bytes, or another key's name, then it is refused."""
    twins = Keyring({"tests": KEYS.keys["tests"], "twin": KEYS.keys["tests"]}, "tests")
    sealed = one(Sealer(twins).sealed([plain()]))
    data = sealed.data
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    for other in [*flipped, b"", data[:11], data[:12], data[:-1], data + b"\0"]:
        with pytest.raises(Unreadable):
            Sealer(twins).opened([tampered(sealed, other)])
    for name in (b"twin", b"nobody", b"", b"\xff"):
        with pytest.raises(Unreadable):
            Sealer(twins).opened([tampered(sealed, key=name)])


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a payload that unpacks to more than the most, then it is refused."""
    sealed = Sealer(KEYS).sealed([plain(b"a" * 100_000)])
    monkeypatch.setattr(sealing, "LARGEST", 50_000)
    with pytest.raises(Unreadable):
        Sealer(KEYS).opened(sealed)


def test_a_shop_without_keys_has_its_own() -> None:
    """Given two secrets, then each has a key and a name that follow from it, and neither tells the secret."""
    (name, key), (other, another) = derived(b"s" * 32), derived(b"t" * 32)
    assert derived(b"s" * 32) == (name, key)
    assert name != other
    assert key != another
    assert len(key) == 32
    assert key != b"s" * 32


def test_the_key_of_a_secret_can_be_taken_along() -> None:
    """Given a secret that is about to change, then its key is printed as PAYLOAD_KEYS wants it, and opens under it."""
    environment = {"SECRET_KEY": "s" * 32, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", "models.sealing"], env=environment, capture_output=True, text=True, check=True
    )
    before, after = keyring(None, b"s" * 32), keyring(f"new:{base64.b64encode(b'n' * 32).decode()},{done.stdout}", b"t")
    assert before is not None
    assert after is not None
    assert Sealer(after).opened(Sealer(before).sealed([plain()])) == [plain()]


async def across(error: BaseException, keys: Keyring = KEYS) -> tuple[Failure, BaseException]:
    """How a failure is kept, and how it comes out at the other end."""
    failure, converter = Failure(), wire.converter(keys)
    await converter.encode_failure(error, failure)
    kept = Failure()
    kept.CopyFrom(failure)
    return kept, await converter.decode_failure(failure)


async def test_failures_are_sealed_and_keep_their_code() -> None:
    """Given a refusal with facts behind a step, then no word of it is readable; its code and facts arrive."""
    refusal = Refusal("no_such_place", "There is no 1 Main St.", street="1 Main St")
    outer = ActivityError(
        "failed for Ada", scheduled_event_id=1, started_event_id=2, identity="w", activity_type="a", activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )  # fmt: skip
    outer.__cause__ = refusal
    kept, arrived = await across(outer)
    assert (kept.message, kept.stack_trace) == ("Encoded failure", "")
    assert not [word for word in (b"Main", b"Ada") if word in kept.SerializeToString()]
    assert kept.cause.application_failure_info.type == "no_such_place"
    assert str(arrived) == "failed for Ada"
    found = refusal_of(arrived)
    assert found is not None
    assert (found.code, found.detail, found.facts) == (
        "no_such_place", "There is no 1 Main St.", {"street": "1 Main St"},
    )  # fmt: skip


async def test_failures_of_before_are_read() -> None:
    """Given a failure that an older version wrote down in the clear, then its words and facts arrive."""
    failure = Failure()
    DefaultFailureConverter().to_failure(
        ApplicationError("away", {"a": 1}, type="t"), wire.HoldfastConverter(), failure
    )
    error: Any = await wire.converter(KEYS).decode_failure(failure)
    assert (error.message, error.type, error.details) == ("away", "t", ({"a": 1},))


async def test_failures_of_who_seals_nothing_can_be_read() -> None:
    """Given no sealing, then a failure says in the clear what it says."""
    kept, arrived = await across(ApplicationError("away"), Keyring({}, None))
    assert kept.message == "away"
    assert str(arrived) == "away"
