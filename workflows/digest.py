"""Tells the shop's own people once a day, in one letter, what waits for them."""

from datetime import time, timedelta

from temporalio import workflow
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from activities.digest import DigestActivities, DigestWritten, WriteDigest
from workflows import patience

DIGEST_ID = "digest"
LONGEST = timedelta(hours=6)
"""A run that cannot get on, because Postgres is away, makes room for the next one after this."""
CATCH_UP = timedelta(hours=12)
"""A letter that is late by less is still written."""


@workflow.defn
class Digest:
    """Count what waits for staff, and write them the letter of the day; none when nothing waits.

    Id: `digest-<time>`, begun by the schedule `digest`. Waits: for nothing; the letter leaves with all others.
    """

    @workflow.run
    async def run(self) -> DigestWritten:
        workflow.set_current_details("### Counting what waits for staff")
        written = await workflow.execute_activity_method(
            DigestActivities.write_digest, WriteDigest(workflow.info().start_time.date()),
            summary="Count what waits, write the letter", **patience.STUDY,
        )  # fmt: skip
        told = "".join(f"- {name}: {count}\n" for name, count in written.waiting.items())
        workflow.set_current_details(f"### What waits for staff\n\n{told}" if told else "### Nothing waits for staff")
        return written


def daily(at: time) -> Schedule:
    """The schedule: each day at that time, UTC; never two at a time, and one that was missed is made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Digest.run, id=DIGEST_ID, task_queue=patience.ORDERS, execution_timeout=LONGEST,
            static_summary="Tells staff once a day what waits for them",
        ),
        spec=ScheduleSpec(
            calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(at.hour)], minute=[ScheduleRange(at.minute)])]
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
    )  # fmt: skip
