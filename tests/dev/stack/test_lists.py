"""Ready-made lists of workflows: each is one that the server understands, and the guide has them all."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from temporalio.client import Client

import worker
from dev.lists import LISTS, list_lines
from models.settings import WorkerSettings
from tests.flow import connected
from tests.house.messages import ROOT

ROW = re.compile(r"^\| ([^|]+) \| `([^`]+)` \|", re.MULTILINE)
GUIDE = (ROOT / "docs" / "watching.md").read_text()
SHOWN = dict(ROW.findall(GUIDE[GUIDE.index("## Lists in the Temporal UI") : GUIDE.index("## Alerts")]))


@pytest.fixture
async def temporal(settings: WorkerSettings) -> Client:
    """A client of a namespace that knows our search attributes."""
    return await connected(settings)


@pytest.mark.parametrize("title", sorted({**SHOWN, **LISTS}))
async def test_the_server_understands_it(title: str, temporal: Client) -> None:
    """Given a list of the guide or of `make up`, then the server can count what is in it."""
    assert (await temporal.count_workflows({**SHOWN, **LISTS}[title])).count >= 0


def test_the_guide_shows_what_is_printed() -> None:
    """Given what `make up` prints, then the guide has each with the same filter."""
    assert LISTS.items() <= SHOWN.items()


def test_lists_name_workflows_that_there_are() -> None:
    """Given types of workflows in filters, then the worker has them."""
    named = set(re.findall(r'WorkflowType="(\w+)"', " ".join(SHOWN.values())))
    assert named <= {story.__name__ for story in worker.WORKFLOWS}


def test_a_line_leads_to_the_list() -> None:
    """Given a printed line, then its link carries the filter as it is written."""
    lines = list_lines("http://127.0.0.1:8233", "default")
    for line, (title, query) in zip(lines, LISTS.items(), strict=True):
        parts = urlsplit(line.split()[-1])
        assert line.strip().startswith(title)
        assert (parts.path, parse_qs(parts.query)) == ("/namespaces/default/workflows", {"query": [query]})
