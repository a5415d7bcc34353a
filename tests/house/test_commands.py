"""What staff can have a workflow do: each message says what it does, is looked at first, and names who and why."""

from typing import Any

import msgspec
import pytest
import temporalio.workflow

import worker
from models.audit import Author

COMMANDS = {
    f"{owner.__name__}.{name}": update
    for owner in worker.WORKFLOWS
    for name, update in temporalio.workflow._Definition.must_from_class(owner).updates.items()
    if name is not None
}
REASONS_ELSEWHERE = {
    "Order.commit_edit": "the edit has it, since it was proposed",
    "Order.drop_edit": "nothing comes of it",
    "ReturnGoods.receive": "what came is the reason",
}
"""Commands of staff's that bring no reason, and why not."""


def _fields(update: Any) -> dict[str, Any]:
    """What the message says; of one that carries a wish, what that says."""
    found: dict[str, Any] = {}
    for kind in update.arg_types or ():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
            wish = fields.get("wish")
            found |= {each.name: each.type for each in msgspec.structs.fields(wish)} if wish else fields
    return found


STAFFS = sorted(name for name, update in COMMANDS.items() if "author" in _fields(update))


def test_there_are_such() -> None:
    """Given all workflows, then what staff can do with an order is among their commands, and the exceptions are."""
    orders = "cancel extend_hold approve reject ship capture deliver retry switch_location accept_shortage".split()
    assert {f"Order.{name}" for name in orders} <= set(STAFFS)
    assert set(REASONS_ELSEWHERE) <= set(STAFFS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_described(name: str) -> None:
    """Given any command, then the Temporal UI tells what it does."""
    description = COMMANDS[name].description
    assert description and description.endswith((".", "?")) and len(description) > 20, name


@pytest.mark.parametrize("name", STAFFS)
def test_a_command_of_staff_is_validated_and_names_who_and_why(name: str) -> None:
    """Given a command of staff's, then it is looked at before it is taken, and says who asks and why."""
    update, fields = COMMANDS[name], _fields(COMMANDS[name])
    assert update.validator is not None, name
    assert fields["author"] == Author | None, name
    assert "actor" in fields, name
    assert ("reason" in fields) is not (name in REASONS_ELSEWHERE), name
