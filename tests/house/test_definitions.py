"""Every workflow and activity is registered, says what its operators need to know, and is waited for where it runs."""

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
import temporalio.activity
import temporalio.workflow
from temporalio.common import SearchAttributeKey

import worker
from dev.temporal import SEARCH_ATTRIBUTES
from models.database import Database
from models.settings import worker_settings
from tests.house.messages import ROOT, activity_definitions, messages, workflow_definitions
from workflows import visibility
from workflows.patience import CATALOGUE, MAIL, ORDERS, OUTSIDE, PAYMENTS

KINDS = {str: "Keyword", int: "Int", bool: "Bool"}


@pytest.fixture(scope="module")
def registered() -> dict[str, list[str]]:
    """Names of activities by the queue they are registered on."""
    settings = worker_settings(
        {"DATABASE_URL": "postgresql://nowhere/x", "REDIS_URL": "-", "TEMPORAL_ADDRESS": "-", "SECRET_KEY": "-" * 32,
         "STRIPE_SECRET_KEY": "sk", "SMTP_URL": "smtp://nowhere"}
    )  # fmt: skip
    found = worker.activities(settings, Database(settings.database_url), worker.payment_activities(settings))
    return {queue: [_name(function) for function in functions] for queue, functions in found.items()}


def _name(function: Callable[..., Any]) -> str:
    return str(temporalio.activity._Definition.must_from_callable(function).name)


def test_every_activity_is_registered_once(registered: dict[str, list[str]]) -> None:
    """Given every `@activity.defn`, then the worker has it on exactly one queue, and nothing else."""
    assert set(registered) == {ORDERS, PAYMENTS, MAIL, CATALOGUE, OUTSIDE}
    assert sorted(name for names in registered.values() for name in names) == sorted(activity_definitions())


def test_every_workflow_is_registered() -> None:
    """Given every `@workflow.defn`, then the worker has it, and nothing else."""
    assert {each.__name__ for each in worker.WORKFLOWS} == {each.__name__ for each in workflow_definitions().values()}


def test_activities_run_on_the_queue_that_workflows_ask(registered: dict[str, list[str]]) -> None:
    """Given each call of an activity in a workflow, then it is on the queue that its patience names."""
    patience = {
        "DATABASE": ORDERS,
        "HISTORIES": ORDERS,
        "PROVIDER_NOW": ORDERS,
        "provider": PAYMENTS,
        "MAIL_SERVER": MAIL,
        "OUTBOX": MAIL,
        "CHANGES": CATALOGUE,
        "FEED": CATALOGUE,
        "RECEIVERS": OUTSIDE,
        "ENGINE": CATALOGUE,
        "REDIS": CATALOGUE,
        "STUDY": CATALOGUE,
        "REPORTING": CATALOGUE,
        "FILES": CATALOGUE,
        "PRINTING": CATALOGUE,
    }
    asked: dict[str, set[str]] = {}
    for path in (ROOT / "workflows").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.fullmatch(r"workflow\.(execute|start)_(local_)?activity_method", called):
                assert isinstance(node, ast.Call)
                [options] = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg is None]
                word = re.split(r"[.(]", options)[1]
                assert word in patience, f"{path.name}: where does patience.{word} wait?"
                assert ("local" in called) == (patience[word] == ORDERS), f"{path.name}: {ast.unparse(node)}"
                asked.setdefault(ast.unparse(node.args[0]).split(".")[1], set()).add(patience[word])
    assert asked == {name: {queue} for queue, names in registered.items() for name in names}


@pytest.mark.parametrize("name", sorted(activity_definitions()))
def test_every_activity_says_what_it_changes_and_why_twice_is_harmless(name: str) -> None:
    """Given an activity, then its docstring has a first line for operators and the three answers."""
    said = inspect.getdoc(activity_definitions()[name]) or ""
    assert re.match(r"\S.+[.:]?\n\n", said), f"{name} does not say what it does"
    for question in ("Changes:", "Again:", "Undo:"):
        assert re.search(rf"^{question} \S", said, re.MULTILINE), f"the docstring of {name} has no line `{question} …`"


@pytest.mark.parametrize("name", sorted(workflow_definitions()))
def test_every_workflow_tells_its_story_and_every_message_its_sender(name: str) -> None:
    """Given a workflow, then it says what it waits for, and each of its messages is described for the Temporal UI."""
    definition = temporalio.workflow._Definition.must_from_class(workflow_definitions()[name])
    assert "Waits:" in (inspect.getdoc(workflow_definitions()[name]) or ""), f"{name} does not say what it waits for"
    messages: list[Any] = [*definition.updates.values(), *definition.signals.values(), *definition.queries.values()]
    for each in messages:
        assert each.description, f"{name}.{each.name} has no description"


@pytest.mark.parametrize("message", messages(), ids=lambda message: message.__name__)
def test_messages_are_frozen_and_explained(message: type) -> None:
    """Given a message, then nobody can change it after it was sent or received, and it says what it means."""
    assert getattr(message, "__struct_config__").frozen, f"{message.__name__} is not frozen"  # noqa: B009
    assert inspect.getdoc(message), f"{message.__name__} has no docstring"


def test_search_attributes_are_those_the_server_learns() -> None:
    """Given what workflows set, then the embedded server registers the same names with the same types."""
    assert {key.name: KINDS.get(key.origin_value_type, "Datetime") for key in visibility.ALL} == SEARCH_ATTRIBUTES


def test_every_search_attribute_in_the_code_is_listed() -> None:
    """Given a key defined beside the others, then it is in the list that is registered."""
    defined = {name for name, value in vars(visibility).items() if isinstance(value, SearchAttributeKey)}
    listed = {name for name, value in vars(visibility).items() if any(value is key for key in visibility.ALL)}
    assert defined == listed
