"""Two rights of everybody with an account: to have all that the shop holds about them, and to be forgotten."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Literal, cast

import msgspec
from litestar import delete, get
from litestar.openapi import ResponseSpec
from litestar.response import Stream
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from api.context import Caller, House, Premises
from api.problems import refuses
from models import clock, tokens
from models.erasure import erasure_workflow_id
from models.errors import Refusal, Unavailable
from models.export import Export
from models.ids import UserId
from models.roles import Scope
from models.tables import export as exports
from models.tables import session as sessions
from workflows.erase_account import AccountToErase, AwaitClosing, Closing, EraseAccount
from workflows.patience import ORDERS

FRESH = timedelta(hours=1)
"""How long ago somebody may have signed in who wants to be forgotten: a phone left on a table is not enough."""


class ErasureReply(msgspec.Struct, frozen=True):
    """It has begun and cannot be stopped. A mail to the address that the account had says what comes."""

    status: Literal["begun"] = "begun"


@get(
    "/auth/me/export", operation_id="exportMe", access=Scope.ACCOUNT, tags=["Accounts"],
    summary="Everything the shop holds about oneself",
    responses={
        200: ResponseSpec(Export, description="A file", media_type="application/json", generate_examples=False),
        **refuses("unauthorized", "token_expired", "forbidden", "too_many_requests", "unavailable"),
    },
)  # fmt: skip
async def export_me(house: House, caller: Caller) -> Stream:
    """Profile, addresses, cart, wishlist, cards, sign-ins, store credit, messages, and orders with what was paid."""
    visitors = tokens.visitors(house.settings.secret_key, caller.account, clock.now().date())
    pieces = exports.export(house.database, caller.account, visitors)
    first = await anext(pieces)  # whoever cannot be answered is told so before the answer begins

    async def body() -> AsyncIterator[str]:
        yield first
        async for piece in pieces:
            yield piece

    name = f"holdfast-{clock.now():%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(body(), media_type="application/json", headers=headers)


@delete(
    "/auth/me", operation_id="eraseMe", access=Scope.ACCOUNT, tags=["Accounts"], status_code=202,
    summary="Be forgotten",
    responses=refuses("unauthorized", "token_expired", "forbidden", "sign_in_again", "last_admin",
                      "too_many_requests", "unavailable"),
)  # fmt: skip
async def erase_me(house: House, caller: Caller) -> ErasureReply:
    """The account is closed at once, for good, and its address is free again.

    Orders under way go on; when they are over everything is deleted, but for what the books need: what was bought,
    what it cost, in which country. Sign in anew before: a sign-in older than an hour is not enough.
    """
    assert caller.session is not None
    begun = await sessions.begun_at(house.database, caller.session)
    if begun is None or clock.now() - begun > FRESH:
        raise Refusal("sign_in_again", "This sign-in is older than an hour: sign in again before you leave for good.")
    closing = await _begin(house, caller.account)
    if closing is not None and not closing.closed:
        raise Refusal("last_admin", "This is the last admin: make somebody else one first.")
    return ErasureReply()


async def _begin(house: Premises, user: UserId) -> Closing | None:
    """Start the erasure, or meet the one that runs. None: it has begun, and is not known to have closed the account."""
    start = WithStartWorkflowOperation(
        EraseAccount.run, AccountToErase(user), id=erasure_workflow_id(user), task_queue=ORDERS,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"Erasure of account {user}",
    )  # fmt: skip
    try:
        answer = await house.temporal.execute_update_with_start_workflow(
            EraseAccount.await_closing, AwaitClosing(), start_workflow_operation=start,
            rpc_timeout=house.settings.answer_budget,
        )  # fmt: skip
        return cast(Closing, answer)  # the SDK's types say coroutine for an update that has a description
    except TemporalError as failed:
        with suppress(TemporalError):  # it failed alike; unread it would be logged as never retrieved
            await start.workflow_handle()
        if not isinstance(failed, WorkflowUpdateRPCTimeoutOrCancelledError):
            raise
    await _must_have_started(house, user)
    return None


async def _must_have_started(house: Premises, user: UserId) -> None:
    """The erasure is durable, so 202 is the truth. Raises: Unavailable when that cannot be said."""
    handle = house.temporal.get_workflow_handle(erasure_workflow_id(user))
    try:
        seen = await handle.describe(rpc_timeout=timedelta(seconds=1))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise Unavailable("temporal", "the erasure was not begun; ask again") from error
        raise Unavailable("temporal", "ask again, it is done once") from error
    if seen.status is not WorkflowExecutionStatus.RUNNING:
        raise Unavailable("temporal", "ask again, it is done once")


handlers = [export_me, erase_me]
