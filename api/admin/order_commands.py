"""How a command of staff's reaches an order's owner: once a key of theirs, answered with the order as it is then."""

from collections.abc import Awaitable
from typing import Any, NoReturn

import msgspec
from litestar import Response

from api.admin.changes import Reason
from api.admin.orders import DeskOrder, actions_of, desk_order, find
from api.commands import Command, command
from api.context import House, Identity, idempotency_key
from models.errors import Refusal
from models.ids import new_id
from models.order import Action, Order
from models.tables import order as orders

MAY_SAY = ("order_not_found", "wrong_move", "idempotency_key_reused", "invalid", "unsupported_media_type")
"""What every one of them can be refused with."""


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is done."""

    reason: Reason


def named(caller: Identity, action: Action, idempotency: str | None) -> str:
    """The id under which this person's command is done once: as often as it is sent with this key."""
    return f"{action}:{caller.account}:{idempotency_key(idempotency) or new_id()}"


async def ask(house: House, caller: Identity, order: Order, update: Any, wish: Command, id: str) -> Response[DeskOrder]:
    """Send a command to the order's owner, once an id; the order as it stands then.

    202: the owner took it and is still at it. Raises: Refusal; `wrong_move` with the `actions` that are possible.
    """
    return await answered(house, caller, order, command(house, order, update, wish, id))


async def answered(house: House, caller: Identity, order: Order, asked: Awaitable[object]) -> Response[DeskOrder]:
    """The order after what was asked; 202 when that is still under way."""
    try:
        done = await asked
    except Refusal as refusal:
        if refusal.code != "wrong_move":
            raise
        refuse(caller, await find(house, order.number), refusal)
    now = await orders.find(house.database, order.number)
    return Response(await desk_order(house, caller, now or order), status_code=200 if done else 202)


def refuse(caller: Identity, order: Order, refusal: Refusal) -> NoReturn:
    """Raises: Refusal, the same with where the order stands and what this person can do with it instead."""
    facts = {"status": order.status, **refusal.facts, "actions": actions_of(order, caller.roles)}
    raise Refusal(refusal.code, refusal.detail, **facts) from refusal
