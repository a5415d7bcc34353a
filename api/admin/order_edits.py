"""Staff change an order before anything of it is sent, as its buyer could; with a reason, and in the audit log."""

from typing import Annotated

import msgspec
from litestar import Response, delete, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from api.addresses import AddressBody
from api.admin import four_eyes
from api.admin.changes import Reason
from api.admin.order_commands import answered, refuse
from api.admin.orders import DeskOrder, actions_of, find
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, Premises, digest, idempotency_key
from api.edits import (
    LATER,
    MAY_SAY,
    MAY_SAY_OF_ONE,
    CommitBody,
    Nth,
    WantedItem,
    asked,
    committed,
    dropped,
    items_of,
    one,
)
from api.orders import Number
from api.replies.edits import DeskEdit, desk_edit
from models import clock
from models.approval import ApprovalStatus, Guarded
from models.audit import Author
from models.database import Writer
from models.edit import EditStatus, EditWish
from models.errors import Refusal
from models.ids import new_id
from models.money import Money
from models.order import Action, Order
from models.roles import Scope
from models.tables import at_stake
from models.tables import order_edit as edits
from workflows.order_messages import CommitEdit, DropEdit


class DeskEditBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the order shall be like, and why. Positions that are not named stay as they are."""

    reason: Reason
    items: Annotated[list[WantedItem], msgspec.Meta(max_length=100)] = []
    shipping_address: AddressBody | None = None
    """Where it shall go; left out: that stays."""


class Commit(msgspec.Struct, frozen=True):
    """What a second person is asked for: this, of the order's `n`-th edit."""

    n: int
    body: CommitBody


@post(
    "/admin/orders/{number:str}/edits", operation_id="editAnyOrder", access=Scope.ORDERS_WRITE, tags=["Staff"],
    summary="What would a change of an order cost?", status_code=201,
    responses={202: ResponseSpec(None, description="Taken on; look at the order's `edits`"), **staff_refuses(*MAY_SAY)},
)  # fmt: skip
async def propose(
    house: House, caller: Caller, number: Number, data: JSONBody[DeskEditBody], idempotency: IdempotencyKey = None
) -> Response[DeskEdit | None]:
    """Nothing of the order changes until the edit is committed; what it adds is held so long."""
    order, author = await find(house, number), caller.author
    wish = EditWish(
        f"{author.actor}/{idempotency_key(idempotency) or new_id()}", digest(data), author.actor, items_of(data.items),
        data.shipping_address, data.reason, author,
    )  # fmt: skip
    try:
        made = await asked(house, order, wish)
    except Refusal as refusal:
        if refusal.code != "wrong_move":
            raise
        refuse(caller, await find(house, number), refusal)
    return Response(desk_edit(made) if made else None, status_code=201 if made else 202, headers={} if made else LATER)


@post(
    "/admin/orders/{number:str}/edits/{n:int}/commit", operation_id="commitAnyEdit", access=Scope.ORDERS_WRITE,
    tags=["Staff"], summary="Change the order as proposed", status_code=200,
    responses={**four_eyes.waiting(DeskOrder), **staff_refuses(*MAY_SAY_OF_ONE, "approval_over")},
)  # fmt: skip
async def commit(
    house: House, caller: Caller, number: Number, n: Nth, data: JSONBody[CommitBody], idempotency: IdempotencyKey = None
) -> Response[DeskOrder]:
    """All of it, or nothing; its buyer gets a letter.

    What the order costs more is charged first, to the card that paid; what it costs less goes back the way it was paid.
    202: still under way; or, where it is much money, a question to a second person, who can agree while the edit waits.
    """
    order = await find(house, number)
    edit = await one(house, order, n)

    async def stake(writer: Writer) -> Money | None:
        now = await edits.find(writer, order.id, n)
        if now is None or now.status is not EditStatus.PROPOSED:
            return None  # over, or done under this key: its owner answers
        if Action.EDIT not in actions_of(order, caller.roles):
            why_not = Refusal("wrong_move", f"An order that is {order.status} cannot be changed.")
            refuse(caller, order, why_not)
        if now.expires_at <= clock.now():
            raise Refusal("edit_over", "This edit is expired: ask for another one.", status=EditStatus.EXPIRED)
        return await at_stake.of_edit(writer, now)

    # What its buyer wrote stays with the edit: questions are kept, and people may be forgotten.
    why = edit.reason if edit.actor != "buyer" else "as its buyer asked"
    guard = four_eyes.Guard(Guarded.EDIT, order.number, Commit(n, data), why, stake, order.id, edit.expires_at)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    key = four_eyes.name_of(asked) if asked else f"{caller.account}:{idempotency_key(idempotency) or new_id()}"
    return await edited(house, caller, order, Commit(n, data), caller.author, key)


async def edited(
    house: Premises, caller: Identity, order: Order, said: Commit, author: Author, key: str
) -> Response[DeskOrder]:
    """Change the order for its author, once a key; told to the caller."""
    wish = CommitEdit(digest(said.body), said.n, author.actor, said.body.payment_method, author=author)
    return await answered(house, caller, order, committed(house, order, wish, key))


@delete(
    "/admin/orders/{number:str}/edits/{n:int}", operation_id="dropAnyEdit", access=Scope.ORDERS_WRITE, tags=["Staff"],
    summary="Let a proposed change go", status_code=204,
    responses=staff_refuses("order_not_found", "edit_not_found", "edit_over", "invalid"),
)  # fmt: skip
async def drop(house: House, caller: Caller, number: Number, n: Nth) -> None:
    """The order stays as it is, and what the edit held is for sale again."""
    order, author = await find(house, number), caller.author
    await dropped(house, order, DropEdit(digest([n]), n, author.actor, author))


handlers = [propose, commit, drop]
