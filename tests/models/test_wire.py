"""What travels through Temporal: plain JSON that comes out as it went in, or is refused for good."""

from typing import Any

import msgspec
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner

from models import wire
from models.money import Money
from models.sealing import Sealer
from models.wire import HoldfastConverter
from tests import seals
from tests.house.messages import example, messages
from workflows.order_messages import OrderState

CONVERTER = HoldfastConverter()


def through(value: Any, kind: Any) -> Any:
    """The value at the other end."""
    [payload] = CONVERTER.to_payloads([value])
    return CONVERTER.from_payloads([payload], [kind])[0]


def payload(data: bytes) -> Payload:
    """JSON as another version of us, or anybody, might have sent it."""
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.__name__)
def test_every_message_comes_out_as_it_went_in(kind: type[msgspec.Struct]) -> None:
    """Given a message with every field filled, and one with only what it needs, then both arrive equal."""
    for value in (example(kind), example(kind, sparse=True)):
        assert through(value, kind) == value


@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.__name__)
def test_a_newer_sender_s_fields_are_passed_over(kind: type[msgspec.Struct]) -> None:
    """Given a field that this version does not know, as during a deploy, then the message is read without it."""
    value = example(kind)
    [sent] = CONVERTER.to_payloads([value])
    data = {**msgspec.json.decode(sent.data), "field_of_next_year": {"a": [1]}}
    assert CONVERTER.from_payloads([payload(msgspec.json.encode(data))], [kind]) == [value]


def test_payloads_can_be_read_in_the_temporal_ui() -> None:
    """Given a message, then before it is sealed its payload is plain JSON under Temporal's own name for it."""
    [sent] = CONVERTER.to_payloads([Money(1999, "usd")])
    assert sent.metadata == {"encoding": b"json/plain"}
    assert sent.data == b'{"amount":1999,"currency":"usd"}'


def test_equal_values_are_equal_bytes() -> None:
    """Given two dictionaries in another order, then their payloads are the same, as a replay must find them."""
    one, other = CONVERTER.to_payloads([{"b": 1, "a": {2, 1}}, {"a": {1, 2}, "b": 1}])
    assert one.data == other.data


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"{", Money), (b"", Money), (b"null", Money), (b'{"amount":1.5,"currency":"usd"}', Money),
        (b'{"amount":1,"currency":"xxx"}', Money), (b'{"amount":1}', Money), (b'"\xff"', str),
        (b"[" * 100_000, Any), (b"{}", OrderState), (b'"not-a-status"', OrderState), (b"1e999", int),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_does_not_fit_is_refused_for_good(data: bytes, kind: Any) -> None:
    """Given broken JSON or JSON of another shape, then the error is of the kind that no worker tries again."""
    with pytest.raises(ApplicationError) as refused:
        CONVERTER.from_payloads([payload(data)], [kind])
    assert (refused.value.type, refused.value.non_retryable) == ("PayloadValidationError", True)


def test_a_refusal_says_where_it_does_not_fit() -> None:
    """Given a wrong field, then the error names its place."""
    with pytest.raises(ApplicationError) as refused:
        CONVERTER.from_payloads([payload(b'{"amount":"1","currency":"usd"}')], [Money])
    assert refused.value.details == ("Expected `int`, got `str` - at `$.amount`",)


def test_nothing_and_bytes_travel_temporal_s_own_way() -> None:
    """Given None and bytes, then they use the server's usual encodings."""
    nothing, raw = CONVERTER.to_payloads([None, b"\x00\xff"])
    assert (nothing.metadata["encoding"], raw.metadata["encoding"]) == (b"binary/null", b"binary/plain")
    assert through(None, None) is None
    assert through(b"\x00\xff", bytes) == b"\x00\xff"


def test_one_plugin_serves_client_worker_and_replayer() -> None:
    """Given the plugin, then it brings our converter, seals, and runs workflows without the SDK's sandbox."""
    configured = wire.plugin(seals.KEYS).configure_replayer({})
    converter = configured.get("data_converter")
    assert converter is not None
    assert converter.payload_converter_class is HoldfastConverter
    assert isinstance(converter.payload_codec, Sealer)
    assert converter.failure_converter_class is DefaultFailureConverterWithEncodedAttributes
    assert isinstance(configured.get("workflow_runner"), UnsandboxedWorkflowRunner)
