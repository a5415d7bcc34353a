"""The whole simulator behind one handler: the API, the control and the pages."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from dev.stripe import control, pages
from dev.stripe.api import Api, base_url
from dev.stripe.call import Call, new_id
from dev.stripe.errors import StripeError
from dev.stripe.router import Paths
from dev.stripe.server import Request, Response, listening
from dev.stripe.simulator import Simulator
from dev.stripe.store import Store
from dev.stripe.webhooks import Policy

SWEEP_SECONDS = 15.0
log = logging.getLogger(__name__)


class App:
    """The HTTP side of one simulator; `handle` answers a request, or None to hang up."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.api = Api(simulator)
        self.actions: Paths[tuple[Any, control.Action]] = Paths()
        for method, path, takes, action in control.ACTIONS:
            self.actions.add(method, path, (takes, action))

    async def handle(self, request: Request) -> Response | None:
        request_id = new_id("req", 14)
        try:
            if request.path.startswith("/_sim/"):
                return self.control(request)
            return await self.api.handle(request, request_id)
        except StripeError as error:
            return self.api.refusal(request, request_id, error)
        except Exception:
            log.exception("the simulator failed on %s %s", request.method, request.path)
            defect = StripeError(500, "An unexpected error occurred in the simulator.", type="api_error")
            return self.api.refusal(request, request_id, defect)
        finally:
            self.simulator.store.forget()

    def control(self, request: Request) -> Response:
        """Orders from tests and developers, and the pages for people."""
        sim = self.simulator
        sim.store.forget()
        call = sim.call(base_url(request))
        if request.path.startswith(("/_sim/3ds/", "/_sim/checkout/cs_")):
            return self.page(request, call)
        try:
            if (request.method, request.path) == ("GET", "/_sim/ledger"):
                return json_response(200, msgspec.json.encode(control.ledger(sim, request.query)))
            found = self.actions.find(request.method, request.path)
            if found is None:
                raise StripeError(404, f"No such control: {request.method} {request.path}")
            (takes, action), ids = found
            return json_response(200, control.act(sim, call, action, takes, request.body, ids))
        except (msgspec.MsgspecError, ValueError) as error:
            raise StripeError(400, str(error)) from error

    def page(self, request: Request, call: Call) -> Response:
        id = request.path.rpartition("/")[2]
        three_ds = request.path.startswith("/_sim/3ds/")
        show: Callable[..., bytes] = pages.three_ds_page if three_ds else pages.checkout_page
        if request.method != "POST":
            return html_response(show(call, id))
        submit = pages.three_ds_answer if three_ds else pages.checkout_answer
        try:
            location = submit(call, id, request.body.decode())
        except StripeError as error:
            if error.commits:
                self.simulator.commit(call)
            self.simulator.store.forget()
            return html_response(pages.checkout_page(call, id, str(error)))
        self.simulator.commit(call)
        return Response(303, b"", {"Location": location})


def json_response(status: int, body: bytes) -> Response:
    return Response(status, body, {"Content-Type": "application/json"})


def html_response(body: bytes) -> Response:
    return Response(200, body, {"Content-Type": "text/html; charset=utf-8"})


def create_app(
    *,
    state: Path | None = None,
    webhook_url: str = "",
    webhook_secret: str = "",
    webhook_events: Sequence[str] | None = None,
    webhook_retry_seconds: float = 1.0,
    webhook_delay_seconds: float = 0.0,
) -> App:
    """A simulator over a state file, or in memory; what is given here overrides what the file remembers."""
    store = Store(state)
    policy = msgspec.convert(store.setting("webhooks", {}), Policy)
    policy.retry_seconds = webhook_retry_seconds
    policy.delay_seconds = webhook_delay_seconds
    if webhook_url:
        policy.url, policy.secret = webhook_url, webhook_secret
        policy.events = None if webhook_events is None else list(webhook_events)
    store.keep("webhooks", policy)
    return App(Simulator(store, policy))


@asynccontextmanager
async def serving(app: App, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Answer calls and deliver webhooks until the block ends; yields the base url."""

    async def sweeping() -> None:
        while True:
            app.simulator.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    background = [asyncio.create_task(app.simulator.webhooks.run()), asyncio.create_task(sweeping())]
    try:
        async with listening(app.handle, host, port) as url:
            yield url
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        app.simulator.store.close()
