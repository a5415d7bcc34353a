"""What whoever waits is told: that something happened. What it was is read from the provider, or from our rows."""

import contextlib

import msgspec
from temporalio import workflow
from temporalio.exceptions import FailureError


class ProviderNews(msgspec.Struct, frozen=True):
    """Something happened to a payment, or to a card that is being saved."""

    event_id: str
    type: str


async def tell_return_that_it_is_sold() -> None:
    """Said by an order that an exchange made, to the return that waits for it; one that has ended waits no more."""
    waiting = workflow.info().parent
    if waiting is not None:
        with contextlib.suppress(FailureError):
            await workflow.get_external_workflow_handle(waiting.workflow_id).signal("exchange_sold")
