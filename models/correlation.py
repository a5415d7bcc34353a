"""Carries the ids of a request from the API through workflows into activities, so that logs follow one order.

They travel in Temporal headers, not in messages: no workflow decides by them.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
import temporalio.client as client
import temporalio.worker as worker
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError

from models.errors import Unavailable

HEADER = "holdfast-ids"
CARRIED = ("request_id", "order")

log = structlog.get_logger()


def _ids_now() -> dict[str, Payload]:
    known = structlog.contextvars.get_contextvars()
    ids = {name: known[name] for name in CARRIED if name in known}
    return {HEADER: _payload(ids)} if ids else {}


def _payload(ids: Mapping[str, Any]) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=msgspec.json.encode(ids))


def _ids_in(headers: Mapping[str, Payload]) -> dict[str, Any]:
    payload = headers.get(HEADER)
    return msgspec.json.decode(payload.data, type=dict[str, Any]) if payload else {}


class Correlation(client.Interceptor, worker.Interceptor):
    """One interceptor for both ends."""

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _Sending(next)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        return _Doing(next)

    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        return _Deciding


class _Sending(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        input.headers = {**input.headers, **_ids_now()}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:
        input.headers = {**input.headers, **_ids_now()}
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        input.headers = {**input.headers, **_ids_now()}
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: client.StartWorkflowUpdateWithStartInput
    ) -> client.WorkflowUpdateHandle[Any]:
        start, update = input.start_workflow_input, input.update_workflow_input
        start.headers = {**start.headers, **_ids_now()}
        update.headers = {**update.headers, **_ids_now()}
        return await super().start_update_with_start_workflow(input)


class _Deciding(worker.WorkflowInboundInterceptor):
    """Keeps the header of whoever started the workflow or spoke to it last, and hands it on to activities."""

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        self._passing = _Passing(outbound)
        super().init(self._passing)

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        self._passing.hear(input.headers)
        return await super().execute_workflow(input)

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        self._passing.hear(input.headers)
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        self._passing.hear(input.headers)
        return await super().handle_update_handler(input)


class _Passing(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor) -> None:
        super().__init__(next)
        self._ids: dict[str, Any] = {}
        self._headers: dict[str, Payload] = {}

    def hear(self, headers: Mapping[str, Payload]) -> None:
        """The newest speaker's ids, and of the earlier ones those that it did not bring."""
        if HEADER in headers:
            self._ids |= _ids_in(headers)
            self._headers = {HEADER: _payload(self._ids)}

    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = {**input.headers, **self._headers}
        return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = {**input.headers, **self._headers}
        return super().start_local_activity(input)


class _Doing(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            **_ids_in(input.headers), workflow_id=info.workflow_id, activity=info.activity_type, attempt=info.attempt
        )
        started = time.perf_counter()
        try:
            result = await super().execute_activity(input)
        except Exception as error:
            expected = isinstance(error, Unavailable | ApplicationError)
            log.warning(
                "activity failed", error=f"{type(error).__name__}: {error}", ms=_ms(started), exc_info=not expected
            )
            raise
        log.info("activity done", ms=_ms(started))
        return result


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
