"""Imports that are interrupted: steps that fail before or after their effect, several lives, and a cancel."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.common import RetryPolicy

from models import csv_lines
from models.ids import new_id
from models.product_import import ImportStatus, import_workflow_id
from models.settings import WorkerSettings
from models.storage import Storage
from models.tables import product_import as imports
from tests.flow import Flow
from tests.workflows.importing import Imports, rows
from tests.workflows.trouble import Trouble
from workflows import patience


@pytest.fixture
async def sent(flow: Flow, settings: WorkerSettings) -> Imports:
    """A shop that takes files."""
    return Imports(flow, Storage(settings.media_dir, settings.storage_url))


async def test_over_failures_of_every_step(sent: Imports, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given steps that fail before and after their effect, and many batches, then each row counts once."""
    monkeypatch.setattr("activities.product_imports.ROWS", {"checking": 7, "importing": 5})
    monkeypatch.setitem(patience.FILES, "retry_policy", RetryPolicy(timedelta(milliseconds=100), 1.0))
    id = new_id()
    name = import_workflow_id(id)
    trouble.plan(name, "open_import", "before", "after")
    trouble.plan(name, "go_on_with_import", "before", "after", "after", "before", "after")
    trouble.plan(name, "drop_file", "before", "after")
    handle = await sent.begin(rows(20), id)
    await asyncio.wait_for(handle.result(), 60)
    done = await sent.now(id)
    assert (done.status, done.rows, done.problems) == (ImportStatus.IMPORTED, 20, 0)
    assert (done.products_created, done.variants_created, await sent.products()) == (20, 20, 20)
    assert await sent.left(id) == (None, [])
    assert trouble.to_come() == []
    assert trouble.runs[name, "go_on_with_import"] >= 3 + 4 + 2
    logged = await sent.flow.database.fetch("SELECT action FROM audit_log WHERE subject = $1", str(id))
    assert [row["action"] for row in logged] == ["product.import"]


async def test_a_dry_run_writes_nothing(sent: Imports) -> None:
    """Given a dry run, then the rows are counted, nothing is made, and nobody is said to have changed anything."""
    id = new_id()
    await asyncio.wait_for((await sent.begin(rows(20), id, dry_run=True)).result(), 60)
    done = await sent.now(id)
    assert (done.status, done.rows, await sent.products()) == (ImportStatus.CHECKED, 20, 0)
    assert await sent.left(id) == (None, [])
    assert await sent.flow.database.fetch("SELECT FROM audit_log") == []


async def test_what_changes_between_check_and_import(sent: Imports, trouble: Trouble) -> None:
    """Given a category archived after the check, then its products are told as problems, and all others are made."""
    id = new_id()
    data = rows(3) + csv_lines.line_of(["px", "X", "other", "SKU-X", "1", "1.00"]).encode()
    async with sent.flow.database.writing() as writer:
        await writer.exec_driver_sql("INSERT INTO categories (id, slug, name) VALUES ($1, 'other', 'O')", (new_id(),))
    checking, go_on = trouble.hold(import_workflow_id(id), "go_on_with_import")
    handle = await sent.begin(data, id)
    await asyncio.wait_for(checking.wait(), 60)
    importing, write = trouble.hold(import_workflow_id(id), "go_on_with_import")
    go_on.set()
    await asyncio.wait_for(importing.wait(), 60)
    assert (await sent.now(id)).status is ImportStatus.IMPORTING
    async with sent.flow.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE categories SET archived_at = now() WHERE slug = 'other'")
    write.set()
    await asyncio.wait_for(handle.result(), 60)
    done = await sent.now(id)
    assert (done.status, done.products_created, done.problems) == (ImportStatus.IMPORTED, 3, 1)
    (problem,) = [each for _, each in await imports.problems_of(sent.flow.database, id, 10, None)]
    assert (problem.line, problem.column, problem.reason) == (5, "category", "'other' is archived: restore it first")


async def test_a_cancel_stops_it(sent: Imports, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an import that is cancelled while it checks, then it says so, makes nothing, and leaves no file behind."""
    monkeypatch.setattr("activities.product_imports.ROWS", {"checking": 5, "importing": 5})
    id = new_id()
    arrived, go = trouble.hold(import_workflow_id(id), "go_on_with_import")
    handle = await sent.begin(rows(20), id)
    await asyncio.wait_for(arrived.wait(), 60)
    await handle.cancel()
    go.set()
    await asyncio.wait_for(handle.result(), 60)
    done = await sent.now(id)
    assert (done.status, await sent.products()) == (ImportStatus.STOPPED, 0)
    assert done.finished_at is not None
    assert await sent.left(id) == (None, [])
