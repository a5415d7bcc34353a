"""The Temporal server with its web UI, from a wheel: command line, namespaces, custom search attributes."""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from dev import knock
from dev.ports import HOST, Ports

SEARCH_ATTRIBUTES = {
    "OrderNumber": "Keyword",
    "OrderStatus": "Keyword",
    "PaymentStatus": "Keyword",
    "NeedsAttention": "Bool",
    "FailedStep": "Keyword",
    "OrderTotal": "Int",
    "OrderCurrency": "Keyword",
    "PlacedAt": "Datetime",
    "CartId": "Keyword",
}
"""What support staff can search orders by, as `workflows/visibility.py` has it (a test compares them)."""

_DYNAMIC_CONFIG = {
    # With its one history shard the dev server polls its queues 20 times a second, so that every step waits up to
    # 50 ms; these two let it look as soon as there is something to do.
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    # A history is deleted only after the server has noted that all it had to do when the workflow ended is done; it
    # notes that twice a minute.
    "history.transferProcessorUpdateAckInterval": '"1s"',
    "history.visibilityProcessorUpdateAckInterval": '"1s"',
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "frontend.WorkflowPauseEnabled": "true",
}


class Failed(RuntimeError):
    """The Temporal command line refused; the message is its own."""


def binary() -> str:
    """Path of the `temporal` program: server, UI and command line in one."""
    return str(Path(sys.executable).with_name("temporal"))


def arguments(database: Path, ports: Ports, *, durable: bool, namespaces: Sequence[str]) -> list[str]:
    """The server's command line."""
    pragmas = {"journal_mode": "WAL", "synchronous": "1" if durable else "0"}
    return [
        binary(), "server", "start-dev", "--log-level", "warn", "--ui-disable-news-fetch",
        "--ip", HOST, "--port", str(ports.temporal), "--ui-port", str(ports.temporal_ui),
        "--metrics-port", str(ports.temporal_metrics), "--db-filename", str(database),
        "--ui-codec-endpoint", f"http://{HOST}:{ports.api}/api/v1/admin/codec",
        *_flags("--sqlite-pragma", _pairs(pragmas)),
        *_flags("--dynamic-config-value", _pairs(_DYNAMIC_CONFIG)),
        *_flags("--search-attribute", _pairs(SEARCH_ATTRIBUTES)),
        *_flags("--namespace", (name for name in namespaces if name != "default")),
    ]  # fmt: skip


def answers(ui_url: str, namespaces: Sequence[str]) -> bool:
    """Does the server serve these namespaces, and the UI too?"""
    return all(knock.reply(f"{ui_url}/api/v1/namespaces/{name}") is not None for name in namespaces)


def is_polled(ui_url: str, namespace: str, task_queue: str, since: float) -> bool:
    """Has a worker asked for workflow tasks of this queue since then (seconds since the epoch)?"""
    answer = knock.reply(f"{ui_url}/api/v1/namespaces/{namespace}/task-queues/{task_queue}?taskQueueType=1") or {}
    seen = (poller.get("lastAccessTime", "") for poller in answer.get("pollers", []))
    return any(datetime.fromisoformat(when).timestamp() >= since for when in seen if when)


def register_search_attributes(address: str, namespace: str) -> None:
    """Make an existing namespace know them, as the worker does when it starts; harmless when it does already."""
    flags = [*_flags("--name", SEARCH_ATTRIBUTES), *_flags("--type", SEARCH_ATTRIBUTES.values())]
    _run(address, namespace, "operator", "search-attribute", "create", *flags)


def create_namespace(address: str, name: str) -> None:
    """A namespace of its own for a test that must not share task queues with its neighbours."""
    _run(address, name, "operator", "namespace", "create", "--retention", "1d")
    register_search_attributes(address, name)


def _run(address: str, namespace: str, *arguments: str) -> str:
    done = subprocess.run(
        [binary(), *arguments, "--address", address, "--namespace", namespace],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return done.stdout


def _flags(flag: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]


def _pairs(mapping: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in mapping.items()]
