"""The parts themselves: real servers that keep their state when they are killed and started again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dev import postgres, temporal
from dev.parts import PARTS
from dev.ports import Ports
from dev.site import Site
from dev.stack import Failed, Stack, embedded


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Postgres, Temporal and Redis on free ports."""
    with embedded({"postgres", "temporal", "redis"}) as running:
        yield running


def test_postgres_keeps_what_was_committed_when_it_is_killed(stack: Stack) -> None:
    """Given a committed row, when the server is killed and started, then the row is there."""
    url = stack.environment()["DATABASE_URL"]
    postgres.ensure_database(url)
    postgres.run_sql(url, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('held fast')")
    before = stack.pid("postgres")

    stack.kill("postgres")
    assert not postgres.answers(url)
    stack.start("postgres")

    assert stack.pid("postgres") != before
    assert postgres.run_sql(url, "SELECT word FROM kept") == "held fast"


def test_temporal_keeps_its_workflows_when_it_is_killed(stack: Stack) -> None:
    """Given a waiting workflow, when the server is killed and started, then it still waits."""
    address = stack.environment()["TEMPORAL_ADDRESS"]
    command = [temporal.binary(), "workflow", "--address", address, "--workflow-id", "kept"]
    start = [*command[:2], "start", *command[2:], "--type", "Order", "--task-queue", "nobody"]
    subprocess.run(start, check=True, capture_output=True)

    stack.kill("temporal")
    stack.start("temporal")

    describe = [*command[:2], "describe", *command[2:], "--output", "json"]
    shown = json.loads(subprocess.run(describe, check=True, capture_output=True).stdout)
    assert shown["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"


def test_a_namespace_of_its_own_knows_the_search_attributes(stack: Stack) -> None:
    """Given a new namespace, registered twice, then it knows every attribute with its type."""
    address = stack.environment()["TEMPORAL_ADDRESS"]
    temporal.create_namespace(address, "beside")
    temporal.register_search_attributes(address, "beside")

    listed = subprocess.run(
        [temporal.binary(), "operator", "search-attribute", "list", "-n", "beside", "--address", address],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    known = dict(line.split() for line in listed.splitlines() if len(line.split()) == 2)
    assert {name: known.get(name) for name in temporal.SEARCH_ATTRIBUTES} == temporal.SEARCH_ATTRIBUTES


def test_a_fresh_database_is_a_copy_of_the_template(stack: Stack) -> None:
    """Given a template, when a database is made from it, then it has its rows, and shares none from then on."""
    url = postgres.at_database(stack.environment()["DATABASE_URL"], "mould")
    postgres.ensure_database(url)
    postgres.run_sql(url, "CREATE TABLE shape (n int); INSERT INTO shape VALUES (1)")

    copy = postgres.fresh_database(url, template="mould")
    postgres.run_sql(copy, "INSERT INTO shape VALUES (2)")

    assert postgres.run_sql(copy, "SELECT count(*) FROM shape") == "2"
    assert postgres.run_sql(url, "SELECT count(*) FROM shape") == "1"
    postgres.drop_database(copy)
    assert not postgres.answers(copy)


def test_postgres_asks_for_its_password(stack: Stack) -> None:
    """Given no password or a wrong one, then loopback alone opens no door."""
    url = stack.environment()["DATABASE_URL"]
    assert not postgres.answers(
        postgres.at_database(url.replace(stack.site.secrets.postgres_password, "x"), "postgres")
    )


def test_the_embedded_servers_are_the_real_ones(stack: Stack) -> None:
    """Given the parts, then they are PostgreSQL 18, with commits on disk unless told otherwise, and Temporal's UI."""
    url = postgres.at_database(stack.environment()["DATABASE_URL"], "postgres")
    assert postgres.run_sql(url, "SHOW server_version").startswith("18.")
    durable = postgres.arguments(Path("/nowhere"), 1, durable=True)
    assert {"fsync=on", "full_page_writes=on", "synchronous_commit=on"} <= set(durable)
    page = httpx.get(stack.urls["temporal_ui"], timeout=60)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html")


def test_environment_of_neighbours_can_be_handed_over(stack: Stack, tmp_path: Path) -> None:
    """Given a stack beside another, then it finds the other's parts, and no variable of parts it has itself is lost."""
    handed_over = stack.environment(only={"postgres", "redis"})
    beside = Stack(Site(tmp_path, Ports.free(), given=handed_over))

    assert set(handed_over) == {"DATABASE_URL", "REDIS_URL"}
    assert beside.environment()["DATABASE_URL"] == stack.environment()["DATABASE_URL"]
    assert beside.environment()["SMTP_URL"] != stack.environment()["SMTP_URL"]


def test_a_part_whose_port_is_taken_does_not_start(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a port somebody else answers on, when a part is started on it, then it is refused, by port and name."""
    monkeypatch.setattr("dev.stack._LINGER", 0.1)
    second = Stack(Site(tmp_path, stack.site.ports))
    with pytest.raises(Failed, match=f"redis cannot start: port {stack.site.ports.redis} is taken"):
        second.start("redis")
    assert second.running == ()


def test_a_part_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Given state a part cannot read, when it is started, then the failure says how it ended and what its log says."""
    broken = Stack(Site(tmp_path, Ports.free()))
    (tmp_path / "temporal.db").write_text("no database at all")
    with broken, pytest.raises(Failed, match=r"(?s)temporal exited with 1 during the start; the end of .*temporal.log"):
        broken.start("temporal")


def test_every_part_withholds_what_it_need_not_know() -> None:
    """Given the API, then it gets no key that could charge anybody."""
    assert {"STRIPE_SECRET_KEY", "SMTP_URL"} <= PARTS["api"].withheld
    assert "STRIPE_WEBHOOK_SECRET" in PARTS["worker"].withheld


def test_parts_run_on_this_python() -> None:
    """Given the wheels, then their programs lie in this very environment."""
    assert Path(temporal.binary()).parent == Path(sys.executable).parent
    assert Path(postgres.binary("postgres")).exists()
