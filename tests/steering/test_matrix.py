"""Every place where an order can stand × everything that staff can do × every role, over HTTP, against the tables.

Allowed: done once, however often it is sent under a key, and written down once, with who. Refused: 403 without the
scope, else 409 with what can be done; nothing has moved.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import msgspec
import pytest

from models.capture import Capture
from models.order import STAFF_ACTIONS, Action, staff_actions
from models.roles import GRANTS, Role
from models.settings import WorkerSettings
from models.steering import SCOPES, open_to
from tests.steering.office import Clerk, Office, code, usd
from tests.steering.stands import AT_ONCE, AT_SHIPMENT, Stand
from tests.workflows.screened import LIMIT
from tests.workflows.stories import Shelf

BODIES: Mapping[Action, Mapping[str, Any]] = {
    Action.CANCEL: {"reason": "out of mugs"},
    Action.EXTEND_HOLD: {"reason": "at the bank", "minutes": 60},
    Action.APPROVE: {"reason": "called them"},
    Action.REJECT: {"reason": "fraud"},
    Action.EDIT: {"reason": "as asked"},
    Action.SHIP: {"carrier": "UPS", "tracking": "1Z", "reason": "as usual"},
    Action.SWITCH_LOCATION: {"from": "main", "to": "cellar", "reason": "under water"},
    Action.ACCEPT_SHORTAGE: {"reason": "broken"},
    Action.CAPTURE: {"reason": "as asked"},
    Action.DELIVER: {"reason": "it says so"},
    Action.REFUND: {"amount": usd(100), "reason": "late"},
    Action.RETRY: {"reason": "looked"},
    Action.NOTE: {"text": "called"},
}
WRITTEN: Mapping[Action, frozenset[str]] = {
    Action.CANCEL: frozenset({"order.cancel", "order.cancel_rest"}),
    Action.EDIT: frozenset({"order.edit_proposed"}),
    Action.RETRY: frozenset({"order.retry_asked"}),
}
"""How an action is called in the audit log, where not by its own name."""
ROWS = (
    "SELECT 'order' || o::text FROM orders o WHERE o.id = $1 UNION ALL "
    "SELECT 'payment' || p::text FROM payments p WHERE p.order_id = $1 UNION ALL "
    "SELECT 'line' || l::text FROM order_lines l WHERE l.order_id = $1 UNION ALL "
    "SELECT 'hold' || h::text FROM stock_holds h WHERE h.order_id = $1 UNION ALL "
    "SELECT 'moved' || m::text FROM stock_movements m WHERE m.order_id = $1 UNION ALL "
    "SELECT 'fact' || e::text FROM order_events e WHERE e.order_id = $1 UNION ALL "
    "SELECT 'refund' || r::text FROM refunds r WHERE r.order_id = $1 UNION ALL "
    "SELECT 'parcel' || s::text FROM shipments s WHERE s.order_id = $1 UNION ALL "
    "SELECT 'edit' || e::text FROM order_edits e WHERE e.order_id = $1 UNION ALL "
    "SELECT 'log' || a::text FROM audit_log a JOIN orders o ON a.subject = o.number WHERE o.id = $1 ORDER BY 1"
)


@pytest.fixture
def settings(settings: WorkerSettings, request: pytest.FixtureRequest) -> WorkerSettings:
    """A shop that holds what looks like fraud, and takes money at once or at shipment."""
    return msgspec.structs.replace(settings, screening=LIMIT, capture=request.param)


@pytest.mark.parametrize(
    ("settings", "stands"),
    [
        pytest.param(Capture.AT_ONCE, AT_ONCE, id="at once"),
        pytest.param(Capture.AT_SHIPMENT, AT_SHIPMENT, id="at shipment"),
    ],
    indirect=["settings"],
)
async def test_every_state_action_and_role(office: Office, stands: Sequence[Stand]) -> None:
    """Given an order at each place, then each role's every action is done once, or refused and moves nothing."""
    staff, foreman = {role: await office.hire(role) for role in Role}, await office.hire(Role.ADMIN)
    seen = set[Action]()
    turns = {action: cycle(_may(action)) for action in STAFF_ACTIONS}
    for stand in stands:
        shelf = await _there(office, foreman, stand)
        legal = staff_actions(*stand.where)
        await _refused(office, staff, stand, shelf, legal)
        for action in legal:
            # Every role where an action is met first, then each in its turn: who it is decides nothing but 403.
            for role in _may(action) if action not in seen else [next(turns[action])]:
                fresh = await _there(office, foreman, stand)
                await _done_once(office, staff[role], stand, fresh, action)
            seen.add(action)


async def test_every_action_has_its_scope_and_its_words() -> None:
    """Given all that staff can do, then each asks for a scope, and this table knows how it is asked for."""
    assert set(SCOPES) == set(STAFF_ACTIONS) == set(BODIES)
    assert open_to(STAFF_ACTIONS, [Role.CUSTOMER, Role.VENDOR, Role.CATALOG]) == []
    assert open_to(STAFF_ACTIONS, [Role.FINANCE]) == [Action.REFUND]
    assert open_to(STAFF_ACTIONS, [Role.SUPPORT]) == open_to(STAFF_ACTIONS, [Role.ADMIN]) == list(STAFF_ACTIONS)


def _may(action: Action) -> list[Role]:
    return [role for role in Role if SCOPES[action] in GRANTS[role]]


async def _there(office: Office, foreman: Clerk, stand: Stand) -> Shelf:
    shelf = await stand.go(office, foreman)
    axes = "status", "payment_status", "fulfilment_status"
    at = [str(each) for each in stand.where[:3]]

    def there(row: Mapping[str, Any]) -> bool:
        return [row[axis] for axis in axes] == at and (row["attention"] is not None) is stand.where[3]

    try:
        await office.until(shelf, there)
    except TimeoutError:
        row = await shelf.row()
        raise AssertionError((stand.name, [row[axis] for axis in (*axes, "attention")])) from None
    return shelf


async def _press(clerk: Clerk, shelf: Shelf, action: Action, key: str) -> Any:
    one = {"items": [{"sku": shelf.sku, "quantity": 1}]}
    if action is Action.EDIT:
        return await clerk.post(f"orders/{shelf.number}/edits", key, **BODIES[action], **one)
    more = one if action is Action.ACCEPT_SHORTAGE else {}
    return await clerk.press(shelf.number, action, key, **BODIES[action], **more)


async def _refused(
    office: Office, staff: Mapping[Role, Clerk], stand: Stand, shelf: Shelf, legal: Sequence[Action]
) -> None:
    """What cannot be done here, by anybody; what can, by those who may not."""
    order = (await shelf.row())["id"]
    before = [row[0] for row in await office.database.fetch(ROWS, order)]
    for role, clerk in staff.items():
        no = [action for action in STAFF_ACTIONS if action not in legal or role not in _may(action)]
        answers = await asyncio.gather(*(_press(clerk, shelf, action, f"no-{action}") for action in no))
        for action, answer in zip(no, answers, strict=True):
            if role not in _may(action):
                assert code(answer) == (403, "forbidden"), (stand.name, action, role, answer.text)
            else:
                assert answer.status_code == 409, (stand.name, action, role, answer.text)
                if answer.json()["code"] == "wrong_move":
                    assert answer.json()["facts"]["actions"] == open_to(legal, [role]), (stand.name, action, role)
    assert [row[0] for row in await office.database.fetch(ROWS, order)] == before, stand.name


async def _done_once(office: Office, clerk: Clerk, stand: Stand, shelf: Shelf, action: Action) -> None:
    """Three clicks at once under one key, and one afterwards: one effect, one row of who did it."""
    written = WRITTEN.get(action, frozenset({f"order.{action}"}))

    why = BODIES[action].get("reason")

    async def logged() -> int:
        return sum(each in [(what, clerk.user, why) for what in written] for each in await office.log(shelf.number))

    answers = await asyncio.gather(*(_press(clerk, shelf, action, "yes") for _ in range(3)))
    context = stand.name, action, clerk.user
    assert {answer.status_code // 100 for answer in answers} == {2}, (context, [answer.text for answer in answers])
    await office.when(logged)
    again = await _press(clerk, shelf, action, "yes")
    assert again.status_code // 100 == 2, (context, again.text)
    assert await logged() == 1, (context, await office.log(shelf.number))
