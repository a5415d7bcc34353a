"""Proves every so often that the numbers of the stock are what their rows add up to."""

from datetime import timedelta

from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from activities.stock import StockActivities, StockProof
from workflows import patience

PROVE_STOCK_ID = "prove-stock"
LONGEST = timedelta(hours=1)
"""A run that cannot get on, because Postgres is away, makes room for the next one after this."""


@workflow.defn
class ProveStock:
    """Hold levels against ledger and holds, and sums against levels; say which differ. Nothing is put right by itself.

    Id: `prove-stock-<time>`, begun by the schedule `prove-stock`. Waits: for nothing; when it is done, it is done.
    """

    @workflow.run
    async def run(self) -> StockProof:
        workflow.set_current_details("### Comparing stock with its ledger")
        proof = await workflow.execute_activity_method(
            StockActivities.find_drift, summary="Compare stock with its ledger", **patience.STUDY
        )
        wrong = "".join(
            f"- {each.sku} at {each.location or 'all locations'}: {each.what} is {each.counted}, not {each.explained}\n"
            for each in proof.first
        )
        told = (
            "### Every number is explained"
            if not proof.drifted
            else f"### {proof.drifted} numbers are wrong\n\n{wrong}"
        )
        workflow.set_current_details(told)
        return proof


def proving(every: timedelta) -> Schedule:
    """The schedule: every so often, never two at a time, and looks that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ProveStock.run, id=PROVE_STOCK_ID, task_queue=patience.ORDERS, execution_timeout=LONGEST,
            static_summary="Proves that stock is what its ledger says",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
