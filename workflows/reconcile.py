"""Holds every so often what payment providers have against what we wrote down, both ways.

Id: `reconcile-<time>`, begun by the schedule `reconcile`. An owner that missed its news is told to look; what still
differs after that is a case for a person. Nothing is put right behind an owner's back.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from activities.payments.money import PaymentActivities
from activities.payments.providers import ListObjects, SeenPage
from activities.reconciliation import CompareBooks, EndReconciliation, KeepSeen, ListOurs, ReconciliationActivities
from models.payment import TERMS
from models.reconciliation import Finding, Thing
from models.refund import named_by
from workflows import patience
from workflows.dispute import FollowDispute, WatchDispute
from workflows.news import ProviderNews
from workflows.refund import Refund, RefundOrder

RECONCILE_ID = "reconcile"
LONGEST = timedelta(hours=6)
"""A run that cannot get on, because a neighbour is away, makes room for the next one after this."""
PAGES = 20
"""Pages of a run; the next run of the same workflow goes on, so that no history grows too long."""


class Listed(msgspec.Struct, frozen=True):
    """How far it is: what is still to be listed, and what was seen."""

    began_at: datetime
    since: datetime
    todo: tuple[tuple[str, Thing], ...]
    after: str | None = None
    """The last of the page before, of the first that is to do."""
    looked: int = 0


class Reconciling(msgspec.Struct, frozen=True):
    """Compare what was made in the last `window`. `settle`: how long owners have to mend what they missed."""

    window: timedelta
    providers: tuple[str, ...]
    settle: timedelta = timedelta(minutes=1)
    progress: Listed | None = None
    """None: it begins."""


class ReconcileOutcome(msgspec.Struct, frozen=True):
    """What came of it."""

    looked: int
    """Payments, refunds and disputes that providers told of."""
    mended: int
    """That differed, until the order or refund they belong to looked."""
    drift: int
    """That differ still: a case each. 0 is normal."""


@workflow.defn
class Reconcile:
    """List what providers have; compare both ways; tell owners to look; open a case for what differs even then.

    Id: `reconcile-<time>`, begun by the schedule `reconcile`.
    Waits: for owners to mend what differs, 1, 2, 4 … seconds, a minute together; for nothing when nothing differs.
    """

    @workflow.init
    def __init__(self, request: Reconciling) -> None:
        self._request = request
        now = workflow.now()
        listed = tuple((provider, thing) for provider in request.providers for thing in Thing if _has(provider, thing))
        self._at = request.progress or Listed(now, now - request.window, listed)
        self._told: set[tuple[str, str]] = set()

    @workflow.run
    async def run(self, request: Reconciling) -> ReconcileOutcome:
        await self._list()
        found = await self._let_owners_mend()
        mended = len(self._told - {each.name for each in found})
        at = self._at
        drift = await workflow.execute_activity_method(
            ReconciliationActivities.end_reconciliation,
            EndReconciliation(at.began_at, at.since, at.looked, mended, tuple(found)),
            summary="A case for each thing that differs",
            **patience.STUDY,
        )
        told = "Both sides agree" if not drift else f"{drift} things differ: see the cases"
        workflow.set_current_details(f"### {told}\n\n**Looked at:** {at.looked}  \n**Mended:** {mended}\n")
        return ReconcileOutcome(at.looked, mended, drift)

    # The story, step by step.

    async def _list(self) -> None:
        """Page by page what every provider has, newest first; a long list goes on in a run of its own."""
        pages = 0
        while self._at.todo:
            if pages == PAGES:
                workflow.continue_as_new(msgspec.structs.replace(self._request, progress=self._at))
            pages += 1
            (provider, thing), *rest = self._at.todo
            workflow.set_current_details(
                f"### Listing {thing}s at {provider}\n\n**Looked at:** {self._at.looked}  \n"
                "**Waits for:** the payment provider\n"
            )
            seen, after = await self._page(provider, thing)
            await self._keep(provider, seen)
            todo = self._at.todo if after is not None else tuple(rest)
            looked = self._at.looked + len(seen.objects)
            self._at = msgspec.structs.replace(self._at, todo=todo, after=after, looked=looked)

    async def _page(self, provider: str, thing: Thing) -> tuple[SeenPage, str | None]:
        """The next page, and behind which the one after it begins; where there are no lists, each of ours is asked."""
        since, after = self._at.since, self._at.after
        if TERMS[provider].lists:
            seen = await self._ask(ListObjects(provider, thing, since, after))
            return seen, seen.after
        ours = await workflow.execute_activity_method(
            ReconciliationActivities.list_ours, ListOurs(provider, thing, since, UUID(after) if after else None),
            summary=f"Which {thing}s {provider} is asked for", **patience.STUDY,
        )  # fmt: skip
        if not ours.names:
            return SeenPage(()), None
        seen = await self._ask(ListObjects(provider, thing, since, only=ours.names))
        return seen, str(ours.after) if ours.after else None

    async def _ask(self, request: ListObjects) -> SeenPage:
        return await workflow.execute_activity_method(
            PaymentActivities.list_objects, request, summary=f"What {request.thing}s {request.provider} has",
            **patience.provider(patience.RECONCILING),
        )  # fmt: skip

    async def _keep(self, provider: str, seen: SeenPage) -> None:
        if seen.objects:
            await workflow.execute_activity_method(
                ReconciliationActivities.keep_seen, KeepSeen(provider, seen.objects),
                summary=f"Keep {len(seen.objects)} of them", **patience.STUDY,
            )  # fmt: skip

    async def _let_owners_mend(self) -> list[Finding]:
        """What differs in the same way after all owners have looked: business in hand differs for a moment, too."""
        found, waited, pause = await self._compare(), timedelta(0), timedelta(seconds=1)
        lasting = found
        while found and waited < self._request.settle:
            workflow.set_current_details(f"### {len(found)} things differ\n\n**Waits for:** owners to look\n")
            for each in found:
                if each.owner is not None and each.name not in self._told:
                    self._told.add(each.name)
                    await self._tell(each, each.owner)
            await workflow.sleep(pause, summary="Let owners look")
            waited, pause = waited + pause, pause * 2
            await self._look_again(found)
            before = {each.name: each.facts for each in found}
            found = await self._compare()
            lasting = [each for each in found if before.get(each.name) == each.facts]
        return lasting

    async def _compare(self) -> list[Finding]:
        return await workflow.execute_activity_method(
            ReconciliationActivities.compare_books, CompareBooks(self._at.since, self._request.providers),
            summary="Compare both sides", **patience.STUDY,
        )  # fmt: skip

    async def _look_again(self, found: Sequence[Finding]) -> None:
        """Ask the providers for what differs once more: it was listed a while ago."""
        asked: dict[tuple[str, Thing], dict[str, None]] = {}
        for each in found:
            if each.thing is not None and each.ask is not None:
                asked.setdefault((each.provider, each.thing), {})[each.ask] = None
        for (provider, thing), names in asked.items():
            listed = list(names)
            for start in range(0, len(listed), AT_ONCE):
                some = tuple(listed[start : start + AT_ONCE])
                await self._keep(provider, await self._ask(ListObjects(provider, thing, self._at.since, only=some)))

    async def _tell(self, finding: Finding, owner: str) -> None:
        """Have an owner look, who reads the truth from the provider; what is over is begun again."""
        news = ProviderNews(f"reconcile/{workflow.info().run_id}", "reconciliation")
        refund = named_by(owner)
        try:
            if refund is not None:
                await workflow.start_child_workflow(
                    Refund.run, RefundOrder(*refund), id=owner, task_queue=patience.ORDERS,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=f"{finding.facts.get('order')} · refund {refund[1]}",
                )  # fmt: skip
                return
            if finding.thing is Thing.DISPUTE:
                await workflow.start_child_workflow(
                    FollowDispute.run, WatchDispute(finding.provider, finding.object), id=owner,
                    task_queue=patience.ORDERS, parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                    static_summary=f"Dispute {finding.object}",
                )  # fmt: skip
                return
        except WorkflowAlreadyStartedError:
            workflow.logger.info("%s looks already, and is told to look again", owner)
        with contextlib.suppress(FailureError):  # nobody is there: what differs becomes a case
            await workflow.get_external_workflow_handle(owner).signal("provider_news", news)


AT_ONCE = 10
"""Objects that a provider is asked for one by one in one step."""


def _has(provider: str, thing: Thing) -> bool:
    if thing is Thing.TRANSFER:
        return TERMS[provider].transfers
    return thing is not Thing.DISPUTE or TERMS[provider].lists


def reconciling(every: timedelta, window: timedelta, providers: tuple[str, ...]) -> Schedule:
    """The schedule: every so often, never two at a time, and looks that were missed are not made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Reconcile.run, Reconciling(window, providers), id=RECONCILE_ID, task_queue=patience.ORDERS,
            execution_timeout=LONGEST, static_summary="Holds payment providers against our books",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )  # fmt: skip
