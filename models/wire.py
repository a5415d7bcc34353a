"""How values travel through Temporal, the same for client, worker and replayer: one plugin configures all three.

Messages are msgspec structs in plain JSON, sealed before they leave the process (models/sealing.py): staff read them in
the Temporal UI through our codec endpoint. New fields need a default; names and types never change, because histories
hold them for months.
"""

from functools import lru_cache
from typing import Any, Self

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    SerializationContext,
    create_payload_validation_error,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import UnsandboxedWorkflowRunner

from models.correlation import Correlation
from models.sealing import Keyring, Sealer

_encoder = msgspec.json.Encoder(order="deterministic")


@lru_cache(maxsize=512)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


class MsgspecConverter(EncodingPayloadConverter):
    """Plain JSON, checked against the receiver's annotation.

    A value that does not fit fails the update or workflow that got it, instead of being retried for ever.
    """

    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        return Payload(metadata={"encoding": b"json/plain"}, data=_encoder.encode(value))

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        try:
            return _decoder(Any if type_hint is None else type_hint).decode(payload.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise create_payload_validation_error(str(error)) from error


class HoldfastConverter(CompositePayloadConverter):
    """Temporal's defaults with msgspec in the place of its JSON."""

    def __init__(self) -> None:
        super().__init__(
            *(
                MsgspecConverter() if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


class SealingConverter(DataConverter):
    """Knows which workflow a payload is of. Only the sealing asks: the rest is the same object for all of them."""

    def with_context(self, context: SerializationContext) -> Self:
        meant = object.__new__(type(self))
        vars(meant).update(vars(self))
        object.__setattr__(meant, "payload_codec", self._sealer.with_context(context))
        return meant

    @property
    def _sealer(self) -> Sealer:
        assert isinstance(self.payload_codec, Sealer)
        return self.payload_codec


def converter(keys: Keyring) -> DataConverter:
    """Messages, memos, summaries and state cards sealed with these keys, and the words of failures too.

    What stays readable beside them: ids, names of types and steps, codes of failures, search attributes. None of these
    may hold anything of a person.
    """
    sealing = keys.current is not None
    return SealingConverter(
        payload_converter_class=HoldfastConverter,
        payload_codec=Sealer(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes if sealing else DefaultFailureConverter,
    )


def plugin(keys: Keyring) -> SimplePlugin:
    """What every client, worker and replayer of ours is made with; a worker inherits it from its client.

    Workflows run without the SDK's sandbox: it would import our modules anew for each order, or, told to pass them
    through, guard nothing and cost milliseconds an order all the same. A house test forbids them the clock, chance,
    files and network instead, and recorded histories are replayed.
    """
    return SimplePlugin(
        "holdfast",
        data_converter=converter(keys),
        interceptors=[Correlation()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
