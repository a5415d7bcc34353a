"""What workflow tests need: goods for one order, and trouble to order."""

from datetime import timedelta
from typing import Any

import pytest
import structlog

import worker
from tests.flow import Flow
from tests.models.swept import database, database_url, swept_url
from tests.workflows.stories import Shelf
from tests.workflows.trouble import Trouble
from workflows import patience

__all__ = ["database", "database_url", "swept_url"]


@pytest.fixture
def trouble() -> Trouble:
    """None yet; ask for it by step."""
    return Trouble()


@pytest.fixture
def worker_options(trouble: Trouble) -> dict[str, Any]:
    """The steps of all orders go through `trouble`."""
    return {"interceptors": [trouble]}


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step on our own rows that a test holds is not given up, and run again past its gate, while the test works."""
    monkeypatch.setitem(patience.DATABASE, "start_to_close_timeout", timedelta(seconds=60))


@pytest.fixture
async def shelf(flow: Flow) -> Shelf:
    """Five mugs, and a cart with one of them."""
    return await Shelf.open(flow)


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """One line an event: the default paints each trace with its local variables, which takes longer than the test."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(autouse=True, scope="session")
def collected_seldom() -> None:
    """As in production."""
    worker.collect_seldom()


def pytest_addoption(parser: pytest.Parser) -> None:
    """See test_histories.py."""
    parser.addoption("--record-histories", action="store_true", help="record tests/workflows/histories anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Recording is no test: it is collected, alone, when it is asked for."""
    recording = config.getoption("--record-histories", default=False)
    items[:] = [item for item in items if (item.name == "test_record_anew") == recording]
