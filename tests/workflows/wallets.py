"""A buyer and their cards without HTTP, and the ways that the saving of one can go, each told once.

The tests tell the stories with faults, and to record histories. Each leaves its workflow ended.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from models import clock
from models.ids import UserId, new_id
from models.payment_method import SetupStanding, removal_workflow_id, saving_workflow_id
from models.tables import payment_method as wallets
from models.tables.user import users
from tests import people
from tests.flow import Flow
from workflows.news import ProviderNews
from workflows.patience import ORDERS, SAVING_WINDOW
from workflows.remove_payment_method import AwaitRemoval, MethodToRemove, RemovalState, RemovePaymentMethod
from workflows.save_payment_method import AwaitSaving, MethodToSave, SavePaymentMethod, SavingState

Saving = WorkflowHandle[SavePaymentMethod, SavingState]
KEY = {"Authorization": "Bearer sk_test_holdfast"}


class Buyer:
    """Somebody with an account of their own, so that stories can be told side by side."""

    def __init__(self, flow: Flow, user: UserId) -> None:
        self.flow = flow
        self.user = user
        self.key = new_id().hex

    @classmethod
    async def open(cls, flow: Flow) -> "Buyer":
        """Somebody new."""
        async with flow.database.writing() as writer:
            return cls(flow, await people.account(writer))

    def saving(self, key: str | None = None) -> Saving:
        """The saving of a card, begun or not."""
        return self.flow.client.get_workflow_handle_for(
            SavePaymentMethod.run, saving_workflow_id(self.user, key or self.key)
        )

    async def save(
        self, method: str | None = "pm_card_visa", *, key: str | None = None, as_default: bool = False
    ) -> tuple[Saving, SavingState]:
        """Ask for a card to be kept, as the API does; the workflow and its answer."""
        key = key or self.key
        handle = self.saving(key)
        with self.flow.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                SavePaymentMethod.run, MethodToSave(self.user, "digest", method, as_default), id=handle.id,
                task_queue=ORDERS, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )  # fmt: skip
            answer = await self.flow.client.execute_update_with_start_workflow(
                SavePaymentMethod.await_saving, AwaitSaving(), start_workflow_operation=start, id=key,
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
        return handle, cast(SavingState, answer)

    async def begin(self, method: str | None = "pm_card_visa") -> Saving:
        """Begin without waiting for the answer."""
        with self.flow.skipper.with_time_skipping_disabled():
            await self.flow.client.start_workflow(
                SavePaymentMethod.run, MethodToSave(self.user, "digest", method), id=self.saving().id, task_queue=ORDERS
            )
        return self.saving()

    async def remove(self, reference: str) -> tuple[WorkflowHandle[Any, RemovalState], RemovalState]:
        """Give a card up, as the API does; the workflow and its answer."""
        owner = removal_workflow_id(self.user, reference)
        with self.flow.skipper.with_time_skipping_disabled():
            start = WithStartWorkflowOperation(
                RemovePaymentMethod.run, MethodToRemove(self.user, reference), id=owner, task_queue=ORDERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )  # fmt: skip
            answer = await self.flow.client.execute_update_with_start_workflow(
                RemovePaymentMethod.await_removal, AwaitRemoval(), start_workflow_operation=start, id="removal",
                rpc_timeout=timedelta(seconds=60),
            )  # fmt: skip
        return await start.workflow_handle(), cast(RemovalState, answer)

    async def news(self, handle: Saving, event: str = "evt_1") -> None:
        """The provider's webhook, as the API passes it on."""
        await handle.signal(SavePaymentMethod.provider_news, ProviderNews(event, "setup_intent.succeeded"))

    async def cards(self) -> list[tuple[str, bool]]:
        """What the account sees: the provider's id of each card, and whether it is the default."""
        return [(card.reference, card.is_default) for card in await wallets.saved(self.flow.database, self.user)]

    async def customers(self) -> list[str]:
        """Whom the provider has for the account."""
        found = await self._ask("GET", "/v1/customers/search", query=f"metadata['user']:'{self.user}'")
        return [each["id"] for each in found["data"]]

    async def kept(self) -> list[str]:
        """What the provider keeps for the account."""
        found: list[str] = []
        for customer in await self.customers():
            page = await self._ask("GET", "/v1/payment_methods", customer=customer)
            found += [each["id"] for each in page["data"]]
        return found

    async def setups(self) -> list[str]:
        """How each setup of the account stands at the provider."""
        found: list[str] = []
        for customer in await self.customers():
            page = await self._ask("GET", "/v1/setup_intents", customer=customer)
            found += [each["status"] for each in page["data"]]
        return found

    async def agrees(self) -> bool:
        """Whether our rows and the provider keep the same cards, for one customer at most."""
        row = (await self.flow.database.fetch("SELECT provider_customer FROM users WHERE id = $1", self.user))[0]
        known = await self.customers()
        same = sorted(reference for reference, _ in await self.cards()) == sorted(await self.kept())
        return same and len(known) <= 1 and (not known or row["provider_customer"] == known[0])

    async def delete_customer(self) -> None:
        """Somebody deletes the account's customer in the provider's dashboard."""
        for customer in await self.customers():
            await self._ask("DELETE", f"/v1/customers/{customer}")

    async def cancel_at_provider(self, reference: str) -> None:
        """Somebody gives the setup up in the provider's dashboard."""
        await self._ask("POST", f"/v1/setup_intents/{reference}/cancel")

    async def send(self, reference: str, card: str) -> int:
        """The buyer's browser sends a card, as Stripe.js does with the client secret; the answer's status."""
        answer = await self.flow.stripe.http.post(
            f"/v1/setup_intents/{reference}/confirm", data={"payment_method": card}, headers=KEY
        )
        return answer.status_code

    async def close(self, **more: Any) -> None:
        """Staff close the account."""
        async with self.flow.database.writing() as writer:
            closed = sa.update(users).where(users.c.id == self.user)
            await writer.execute(closed.values(archived_at=clock.now(), **more))

    async def erase(self) -> None:
        """The owner wants to be forgotten."""
        await self.close(erased_at=clock.now())

    async def card(self, handle: WorkflowHandle[Any, Any]) -> str:
        """The workflow's state card in the Temporal UI."""
        known: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return known.current_details

    async def _ask(self, method: str, path: str, **params: str) -> Any:
        answer = await self.flow.stripe.http.request(method, path, params=params, headers=KEY)
        answer.raise_for_status()
        return answer.json()


async def ended(handle: WorkflowHandle[Any, Any], within: float = 60) -> Any:
    """What the workflow leaves when it ends by itself."""
    async with asyncio.timeout(within):
        return await handle.result()


async def card_saved(buyer: Buyer) -> Saving:
    """A first card that its bank asks nothing about."""
    handle, answer = await buyer.save()
    assert answer.card is not None and answer.card.is_default
    await ended(handle)
    return handle


async def card_confirmed_at_the_bank(buyer: Buyer) -> Saving:
    """The bank wants to see the buyer; the webhook tells that it did."""
    handle, answer = await buyer.save("pm_card_authenticationRequired")
    assert answer.setup is not None and answer.setup.reference is not None
    assert answer.setup.standing is SetupStanding.ACTION_REQUIRED
    await buyer.flow.stripe.authenticate(answer.setup.reference)
    await buyer.news(handle)
    assert (await ended(handle)).card is not None
    return handle


async def card_webhook_lost(buyer: Buyer) -> Saving:
    """The browser sends a card and nobody tells us: a look of our own finds out."""
    handle, answer = await buyer.save(None)
    assert answer.setup is not None and answer.setup.reference is not None
    assert answer.setup.standing is SetupStanding.METHOD_REQUIRED
    assert await buyer.send(answer.setup.reference, "pm_card_visa") == 200
    await buyer.flow.skipper.fast_forward(handle, timedelta(minutes=2))
    assert (await ended(handle)).card is not None
    return handle


async def card_given_up(buyer: Buyer) -> Saving:
    """The browser never sends a card."""
    handle, _ = await buyer.save(None)
    await buyer.flow.skipper.fast_forward(handle, SAVING_WINDOW + timedelta(minutes=1))
    assert (await ended(handle)).card is None
    return handle


async def card_declined(buyer: Buyer) -> Saving:
    """The bank refuses it."""
    handle, answer = await buyer.save("pm_card_chargeDeclined")
    assert answer.setup is not None and answer.setup.standing is SetupStanding.DECLINED
    await ended(handle)
    return handle


async def card_removed(buyer: Buyer) -> WorkflowHandle[Any, RemovalState]:
    """A card is saved, and removed again."""
    _, answer = await buyer.save()
    assert answer.card is not None
    handle, removal = await buyer.remove(answer.card.reference)
    assert removal.removed
    assert (await ended(handle)).detached
    return handle


async def card_of_nobody(buyer: Buyer) -> Saving:
    """The account is erased while its owner is at the bank: the provider forgets it too."""
    handle, answer = await buyer.save("pm_card_authenticationRequired")
    assert answer.setup is not None and answer.setup.reference is not None
    await buyer.flow.stripe.authenticate(answer.setup.reference)
    await buyer.erase()
    await buyer.news(handle)
    assert (await ended(handle)).card is None
    return handle


async def card_of_a_closed_account(buyer: Buyer) -> Saving:
    """Staff close the account while its owner is at the bank: the card is let go."""
    handle, answer = await buyer.save("pm_card_authenticationRequired")
    assert answer.setup is not None and answer.setup.reference is not None
    await buyer.flow.stripe.authenticate(answer.setup.reference)
    await buyer.close()
    await buyer.news(handle)
    assert (await ended(handle)).card is None
    return handle


Story = Callable[[Buyer], Coroutine[Any, Any, WorkflowHandle[Any, Any]]]
ALL: tuple[Story, ...] = (
    card_saved, card_confirmed_at_the_bank, card_webhook_lost, card_given_up, card_declined, card_removed,
    card_of_a_closed_account, card_of_nobody,
)  # fmt: skip
"""All of them."""

STEPS: dict[Story, tuple[str, ...]] = {
    card_saved: ("read_wallet", "ensure_customer", "note_customer", "start_setup", "keep_method"),
    card_confirmed_at_the_bank: ("read_setup", "keep_method"),
    card_given_up: ("cancel_setup",),
    card_declined: ("start_setup", "cancel_setup"),
    card_of_a_closed_account: ("detach_method",),
    card_of_nobody: ("forget_customer",),
}
"""What can fail in each story."""
REMOVAL = ("drop_method", "detach_method")
