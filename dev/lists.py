"""Ready-made lists for the Temporal UI: printed by `make up`, shown in docs/watching.md, asked by the tests."""

from collections.abc import Mapping
from urllib.parse import urlencode

LISTS: Mapping[str, str] = {
    "wait for a person": 'NeedsAttention=true AND ExecutionStatus="Running"',
    "cannot go on": 'TemporalReportedProblems IN ("category=WorkflowTaskFailed", "category=WorkflowTaskTimedOut")',
    "wait to be paid": 'WorkflowType="Order" AND ExecutionStatus="Running" AND OrderStatus="pending"',
    "held for review": 'WorkflowType="Order" AND ExecutionStatus="Running" AND OrderStatus="on_hold"',
    "paid, not sent": 'WorkflowType="Order" AND ExecutionStatus="Running" AND OrderStatus="confirmed"',
    "refunds under way": 'WorkflowType="Refund" AND ExecutionStatus="Running"',
    "returns under way": 'WorkflowType="ReturnGoods" AND ExecutionStatus="Running"',
    "payouts": 'WorkflowType="PayOut"',
    "ended badly": 'ExecutionStatus IN ("Failed", "TimedOut", "Terminated")',
}
"""By what is in them."""


def link(ui_url: str, namespace: str, query: str) -> str:
    """Where the UI shows what a query finds."""
    return f"{ui_url}/namespaces/{namespace}/workflows?{urlencode({'query': query})}"


def list_lines(ui_url: str, namespace: str) -> list[str]:
    """One line each, for a terminal."""
    return [f"  {title:<22} {link(ui_url, namespace, query)}" for title, query in LISTS.items()]
