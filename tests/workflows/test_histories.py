"""Orders that are on their way survive a deployment: recorded histories replay on today's code.

A change that breaks one of these would park every open order of that kind. Either change the code so that it does not
(`workflow.patched`), or, while nobody runs the old code yet, record anew:

    python -m pytest tests/workflows/test_histories.py --record-histories
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import worker
from models import wire
from models.settings import WorkerSettings
from tests import people, seals, shop
from tests.flow import Flow
from tests.workflows import (
    awaited,
    costs,
    market,
    outsiders,
    papering,
    refunding,
    returning,
    screened,
    shelving,
    shipping,
    stories,
    wallets,
    watching,
)
from tests.workflows.costs import Cost
from tests.workflows.leaving import Leaving
from tests.workflows.trouble import Trouble
from workflows.late_payment import late_payment_id
from workflows.notify import NOTIFY_ID, Notify
from workflows.order import Order
from workflows.patience import ORDERS
from workflows.refresh_answers import REFRESH_ANSWERS_ID, RefreshAnswers
from workflows.reset_password import AskForReset, ResetPassword, reset_workflow_id
from workflows.tend_carts import TendCarts, Tending

HISTORIES = Path(__file__).with_name("histories")
NAMES = (
    *(story.__name__ for story in stories.ALL), *(story.__name__ for story in wallets.ALL), "sent_back", "letters",
    "reset", "tended", "erased", "refreshed", "papers_followed", "papers_asked",
    *(story.__name__ for story in shelving.ALL),
    *(story.__name__ for story in refunding.ALL), *(story.__name__ for story in returning.ALL),
    *(story.__name__ for story in screened.ALL), *(story.__name__ for story in awaited.ALL),
    *(story.__name__ for story in shipping.ALL), *(story.__name__ for story in watching.ALL),
    *(story.__name__ for story in market.ALL), *outsiders.NAMES,
)  # fmt: skip


def replayer() -> Replayer:
    """As a worker is made, without a server."""
    return Replayer(workflows=worker.WORKFLOWS, plugins=[wire.plugin(seals.KEYS)])


def recorded(name: str) -> WorkflowHistory:
    """One history of `histories/`."""
    return WorkflowHistory.from_json(f"order/{name}/1", (HISTORIES / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
async def test_recorded_histories_replay(name: str) -> None:
    """Today's code comes to the same decisions, from the first event to the last."""
    await replayer().replay_workflow(recorded(name))


async def test_every_recording_is_replayed() -> None:
    """No file without its test, no story without its file."""
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(NAMES)


@pytest.mark.parametrize("name", ["delivered", "captured_late"])
async def test_an_incompatible_change_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One more step in the middle of the story: the replay fails and says so."""
    secure = Order._secure

    async def secure_after_a_nap(self: Order, *arguments: Any) -> None:
        await workflow.sleep(1)
        await secure(self, *arguments)

    monkeypatch.setattr(Order, "_secure", secure_after_a_nap)

    with pytest.raises(workflow.NondeterminismError):
        await replayer().replay_workflow(recorded(name))


async def test_record_anew(flow: Flow, settings: WorkerSettings, trouble: Trouble) -> None:
    """Collected with --record-histories only: tell every story once more and keep what the server wrote down."""
    HISTORIES.mkdir(exist_ok=True)
    async with flow.database.writing() as writer:
        await shop.stock_product(writer, "MUG", 1)
    spent: dict[str, Cost] = {}
    for story in stories.ALL:
        handle = await story(await stories.Shelf.open(flow))
        spent[story.__name__] = await costs.of(handle)
        keep(story.__name__, (await handle.fetch_history()).to_json())
        if story is stories.paid_while_cancelled:
            late = flow.client.get_workflow_handle(late_payment_id(handle.id))
            keep("sent_back", (await late.fetch_history()).to_json())
    costs.STATED.write_bytes(msgspec.json.format(msgspec.json.encode(spent)) + b"\n")
    for about_a_card in wallets.ALL:
        saving = await about_a_card(await wallets.Buyer.open(flow))
        keep(about_a_card.__name__, (await saving.fetch_history()).to_json())
    for about_money in refunding.ALL:
        sold = await about_money(flow)
        keep(about_money.__name__, (await sold.handle().fetch_history()).to_json())
    for about_goods in returning.ALL:
        gone = await about_goods(flow)
        keep(about_goods.__name__, (await gone.handle().fetch_history()).to_json())
    with flow.skipper.with_time_skipping_disabled():
        letters = await flow.client.start_workflow(Notify.run, id=NOTIFY_ID, task_queue=ORDERS)
    while not await flow.database.fetch("SELECT 1 FROM outbox WHERE settled_at IS NOT NULL"):
        pass
    keep("letters", (await letters.fetch_history()).to_json())
    with flow.skipper.with_time_skipping_disabled():
        refresher = await flow.client.start_workflow(RefreshAnswers.run, id=REFRESH_ANSWERS_ID, task_queue=ORDERS)
    while await flow.database.fetch("SELECT 1 FROM catalogue_changes WHERE reader = 'answers'"):
        pass
    keep("refreshed", (await refresher.fetch_history()).to_json())
    await refresher.terminate("recorded")
    await letters.terminate("recorded")
    with flow.skipper.with_time_skipping_disabled():
        reset = await flow.client.start_workflow(
            ResetPassword.run, AskForReset("ada@example.com"), id=reset_workflow_id("recorded"), task_queue=ORDERS
        )
    await flow.fast_forward(reset, timedelta(minutes=71))
    await reset.result()
    keep("reset", (await reset.fetch_history()).to_json())
    for name, about_papers in {"papers_followed": papering.invoiced, "papers_asked": papering.shown}.items():
        keep(name, (await (await about_papers(flow)).fetch_history()).to_json())
    left_behind = await flow.cart({"MUG": 1})
    await flow.database.fetch("UPDATE carts SET updated_at = now() - interval '1 year' WHERE id = $1", left_behind)
    with flow.skipper.with_time_skipping_disabled():
        usual = Tending(timedelta(days=1), timedelta(days=30), timedelta(minutes=5))
        tended = await flow.client.start_workflow(TendCarts.run, usual, id="tend-carts-recorded", task_queue=ORDERS)
    assert (await tended.result()).removed == 1
    keep("tended", (await tended.fetch_history()).to_json())
    async with flow.database.writing() as writer:
        leaving = Leaving(flow, await stories.Shelf.open(flow), await people.account(writer))
    await leaving.ask()
    await leaving.until("letters to be sent")
    await leaving.letters_leave()
    await leaving.end()
    keep("erased", (await leaving.handle.fetch_history()).to_json())
    async with shelving.Shelving.open(flow, settings, trouble) as shelves:
        for about_shelves in shelving.ALL:
            kept = await about_shelves(shelves)
            keep(about_shelves.__name__, (await kept.fetch_history()).to_json())

    for name, teller in (await outsiders.told_outside(flow)).items():
        keep(name, (await teller.fetch_history()).to_json())


def keep(name: str, history: str) -> None:
    """Write a history down, opened, without the names of the machine that it was recorded on."""
    events = seals.opened(json.loads(history))
    (HISTORIES / f"{name}.json").write_text(json.dumps(anonymous(events), indent=1, ensure_ascii=False) + "\n")


def anonymous(part: Any) -> Any:
    """The same without identities, sticky queues and the paths in traces."""
    if isinstance(part, list):
        return [anonymous(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("kind") == "TASK_QUEUE_KIND_STICKY":
        part = {**part, "name": "sticky"}
    told = {"identity": "recorder", "stackTrace": ""}
    return {key: told[key] if key in told else anonymous(value) for key, value in part.items()}
