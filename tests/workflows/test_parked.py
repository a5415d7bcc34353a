"""An order whose first step meets a defect, as its buyer sees it: it is taken, and goes on when that is mended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError

from dev.stack import LIMITS_FAR_AWAY
from models.ids import CartId
from models.order import workflow_id
from models.settings import WorkerSettings, api_settings
from models.tables.base import plain_uuid
from tests import shop
from tests.api.conftest import Api, media, started
from tests.seals import PAYLOAD_KEYS
from tests.workflows.stories import MUG, Shelf
from tests.workflows.trouble import Trouble

__all__ = ["media"]
TRIES = 3
"""Failures of a task after which Temporal hands it no more messages."""


@pytest.fixture
def worker_options(trouble: Trouble) -> dict[str, Any]:
    """As in production: what nobody foresaw parks a workflow, and it goes on when that is mended."""
    return {"interceptors": [trouble], "workflow_failure_exception_types": ()}


@pytest.fixture
async def api(shelf: Shelf, settings: WorkerSettings, media: Path) -> AsyncIterator[Api]:
    """The API in this process, with Temporal."""
    environment = {
        "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "SECRET_KEY": "k" * 32,
        "TEMPORAL_ADDRESS": settings.temporal_address, "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        "PAYLOAD_KEYS": PAYLOAD_KEYS, "STRIPE_WEBHOOK_SECRET": "whsec_test", "MEDIA_DIR": str(media),
        "CHECKOUT_ANSWER_BUDGET": "60", **LIMITS_FAR_AWAY,
    }  # fmt: skip
    async with started(api_settings(environment)) as api:
        yield api


async def test_a_checkout_that_meets_a_defect_is_taken(api: Api, shelf: Shelf, trouble: Trouble) -> None:
    """Given a first step that fails for good until somebody mends it, then 202, and the order is made once."""
    cart = (await api.post("/api/v1/cart/items", json={"sku": shelf.sku, "quantity": 1})).json()
    [row] = await shelf.flow.database.fetch("SELECT cart_id FROM cart_items ORDER BY id DESC LIMIT 1")
    id = CartId(plain_uuid(row["cart_id"]))
    order = shelf.flow.watched(id)
    defect = ApplicationError("planned, for good", type="defect", non_retryable=True)
    trouble.plan(workflow_id(id, 1), "place_order", *[defect] * TRIES)
    home = {name: value for name, value in msgspec.to_builtins(shop.NEW_YORK).items() if value is not None}
    form = {
        "email": "ada@example.com", "shipping_address": home, "shipping_method": "standard",
        "expected_total": {"amount": MUG, "currency": "usd"}, "payment": {"payment_method": "pm_card_visa"},
    }  # fmt: skip

    headers = {"Cart-Token": cart["cart_token"], "Idempotency-Key": "parked"}
    answers = [await api.client.post("/api/v1/checkout", json=form, headers=headers)]
    async with asyncio.timeout(120):
        # A busy Temporal may not say in time whether it was begun: 503, and the same request goes out again.
        while answers[-1].status_code == 503:
            answers.append(await api.client.post("/api/v1/checkout", json=form, headers=headers))

    answer = answers[-1]
    gone_on = len(answers) > 1 and answer.status_code == 201  # the order did, until it was asked for again
    assert gone_on or (answer.status_code, answer.json()["order"]["status"]) == (202, "pending"), answer.text
    async with asyncio.timeout(120):
        while not await shelf.flow.database.fetch("SELECT FROM orders WHERE status = 'confirmed'"):
            await asyncio.sleep(0.2)
    assert trouble.to_come() == []
    assert [row["number"] for row in await shelf.flow.database.fetch("SELECT number FROM orders")] == [
        answer.json()["order"]["number"]
    ]
    assert (await order.describe()).status is WorkflowExecutionStatus.RUNNING
