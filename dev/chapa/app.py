"""The whole simulator behind one handler: the API, the control and the page; and the call back to the merchant."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from dev.chapa import control
from dev.chapa.account import Account, Obj, Refused
from dev.chapa.api import Api, json
from dev.stripe.router import Paths
from dev.stripe.server import Request, Response, listening
from dev.stripe.store import Store
from dev.stripe.webhooks import Policy

PAGE = "/checkout/payment/"
log = logging.getLogger(__name__)


class App:
    """The HTTP side of one account; `handle` answers a request, or None to hang up."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.api = Api(account)
        self.actions: Paths[tuple[Any, Any]] = Paths()
        for method, path, takes, action in control.ACTIONS:
            self.actions.add(method, path, (takes, action))
        self.calling: set[asyncio.Task[None]] = set()

    async def handle(self, request: Request) -> Response | None:
        try:
            if request.path.startswith("/_sim/"):
                return self.control(request)
            if request.path.startswith(PAGE):
                return self.page(request)
            return await self.api.handle(request)
        except Refused as refused:
            return json(refused.status, refused.body)
        except (msgspec.MsgspecError, ValueError) as error:
            return json(400, {"message": str(error), "status": "failed", "data": None})
        finally:
            self.account.forget()

    def control(self, request: Request) -> Response:
        """Orders from tests and developers."""
        if (request.method, request.path) == ("GET", "/_sim/ledger"):
            return json(200, control.ledger(self.account, request.query))
        found = self.actions.find(request.method, request.path)
        if found is None:
            raise Refused(404, f"No such control: {request.method} {request.path}")
        (takes, action), ids = found
        answer = action(self.account, msgspec.json.decode(request.body or b"{}", type=takes), *ids)
        self.account.commit()
        return json(200, answer)

    def page(self, request: Request) -> Response:
        """What the buyer sees, and does."""
        found = self.account.behind(request.path.removeprefix(PAGE))
        if found is None:
            raise Refused(404, "Invalid transaction or Transaction not found")
        if request.method != "POST":
            return Response(200, control.shown(found), {"Content-Type": "text/html; charset=utf-8"})
        location = control.answered(self.account, found, request.body.decode("utf-8", "replace"))
        self.account.commit()
        self.call_back(found)
        return Response(303, b"", {"Location": location})

    def call_back(self, transaction: Obj) -> None:
        """Tell the merchant's callback URL, once; whether it listens is its own business."""
        if transaction["callback_url"] and transaction["status"] == "success":
            task = asyncio.create_task(knock(transaction))
            self.calling.add(task)
            task.add_done_callback(self.calling.discard)


async def knock(transaction: Obj) -> None:
    """`GET callback_url?trx_ref=…&ref_id=…&status=…`: unsigned, so nobody may believe it."""
    said = {"trx_ref": transaction["id"], "ref_id": transaction["reference"], "status": transaction["status"]}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        with suppress(httpx.HTTPError):
            await http.get(transaction["callback_url"], params=said)


def create_app(
    *, state: Path | None = None, webhook_url: str = "", webhook_secret: str = "", webhook_retry_seconds: float = 1.0,
    webhook_delay_seconds: float = 0.0,
) -> App:  # fmt: skip
    """A simulator over a state file, or in memory; what is given here overrides what the file remembers."""
    store = Store(state)
    policy = msgspec.convert(store.setting("webhooks", {}), Policy)
    policy.retry_seconds, policy.delay_seconds = webhook_retry_seconds, webhook_delay_seconds
    if webhook_url:
        policy.url, policy.secret = webhook_url, webhook_secret
    store.keep("webhooks", policy)
    return App(Account(store, policy))


@asynccontextmanager
async def serving(app: App, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Answer calls and deliver webhooks until the block ends; yields the base url."""
    sending = asyncio.create_task(app.account.webhooks.run())
    try:
        async with listening(app.handle, host, port) as url:
            yield url
    finally:
        for task in (sending, *app.calling):
            task.cancel()
        await asyncio.gather(sending, *app.calling, return_exceptions=True)
        app.account.store.close()
