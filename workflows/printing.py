"""How papers become files: read, drawn and kept, written down. Whoever wants them printed waits for this."""

from collections.abc import Sequence

import msgspec
from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.papers import PaperActivities, Prints, ReadPapers
from models.ids import PaperId
from workflows import patience


class Printing(msgspec.Struct, frozen=True):
    """What came of it."""

    kept: bool
    """False: the press or the storage is away, another time."""
    spoiled: tuple[PaperId, ...] = ()
    """Those that cannot be drawn: a person has to look."""


async def printed(papers: Sequence[PaperId]) -> Printing:
    """Print these papers."""
    if not papers:
        return Printing(True)
    read = await workflow.execute_local_activity_method(
        PaperActivities.read_papers, ReadPapers(tuple(papers)), summary="What they say", **patience.DATABASE
    )
    try:
        done: Prints = await workflow.execute_activity_method(
            PaperActivities.print_papers, read, summary=f"Print {len(papers)} papers", **patience.PRINTING
        )
    except ActivityError as failed:
        workflow.logger.warning("papers cannot be printed: %s", failed)
        return Printing(False)
    await workflow.execute_local_activity_method(
        PaperActivities.file_papers, done, summary="Write down which files they are", **patience.DATABASE
    )
    return Printing(True, tuple(each.paper for each in done.prints if each.printed is None))
