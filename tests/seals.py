"""The keys of tests whose API and worker are in one process, and histories read with them."""

import base64
import json
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory

from models.sealing import Keyring, Sealer, keyring

PAYLOAD_KEYS = f"tests:{base64.b64encode(bytes(range(32))).decode()}"


def _keys() -> Keyring:
    found = keyring(PAYLOAD_KEYS, b"-" * 32)
    assert found is not None
    return found


KEYS = _keys()


def opened(part: Any, keys: Keyring = KEYS) -> Any:
    """A history as JSON, with every payload and every failure in it as it was before it was sealed."""
    if isinstance(part, list):
        return [opened(each, keys) for each in part]
    if not isinstance(part, dict):
        return part
    if "encoding" in (metadata := part.get("metadata") or {}):
        [plain] = Sealer(keys).opened([_payload(metadata, part.get("data", ""))])
        return {
            "metadata": {name: base64.b64encode(value).decode() for name, value in sorted(plain.metadata.items())},
            **({"data": base64.b64encode(plain.data).decode()} if plain.data else {}),
        }
    found = {name: opened(value, keys) for name, value in part.items()}
    if (attributes := found.pop("encodedAttributes", None)) is not None:
        told = json.loads(base64.b64decode(attributes["data"]))
        found |= {"message": told["message"], "stackTrace": told["stack_trace"]}
    return found


def said(history: WorkflowHistory, keys: Keyring = KEYS) -> str:
    """Everything that stands in a history, for whoever has the keys."""
    return json.dumps(_as_text(opened(json.loads(history.to_json()), keys)), ensure_ascii=False)


def _payload(metadata: dict[str, str], data: str) -> Payload:
    return Payload(
        metadata={name: base64.b64decode(value) for name, value in metadata.items()}, data=base64.b64decode(data)
    )


def _as_text(part: Any) -> Any:
    if isinstance(part, list):
        return [_as_text(each) for each in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"metadata", "data"}:
        return base64.b64decode(part["data"]).decode(errors="replace")
    return {name: _as_text(value) for name, value in part.items()}
