"""A reset of a password from the asking to its end. The API only starts it, so that every address costs it the same."""

from datetime import datetime

import msgspec
from temporalio import workflow

from activities.passwords import CloseReset, OpenReset, PasswordActivities
from models.ids import ResetId
from models.reset import CODE_LATEST, TOKEN_LIFE
from workflows import patience
from workflows.enduring import to_its_end


def reset_workflow_id(unique: object) -> str:
    """The id of one asking. Never anything of the address: ids are not encrypted."""
    return f"password-reset/{unique}"


class AskForReset(msgspec.Struct, frozen=True):
    """Somebody wants a code mailed to this address. It is known nowhere else yet, so the message has to carry it."""

    email: str


@workflow.defn
class ResetPassword:
    """Write the reset and, if the address has an account, its letter; when code and token are over, forget it.

    Id: `password-reset/<uuid>`. Waits: until the last moment at which a new password may be set, 70 minutes after
    the asking. A cancel ends the wait, and makes the code worthless at once.
    """

    def __init__(self) -> None:
        self._called_off = False

    @workflow.run
    async def run(self, request: AskForReset) -> None:
        await to_its_end(self._story(request), self._call_off)

    async def _story(self, request: AskForReset) -> None:
        reset, code_until = ResetId(workflow.uuid7()), workflow.info().start_time + CODE_LATEST
        self._tell("Writing the reset and its letter", code_until)
        await workflow.execute_local_activity_method(
            PasswordActivities.open_reset,
            OpenReset(reset, request.email, code_until),
            summary="Write the reset and its letter",
            **patience.DATABASE,
        )
        self._tell("Waiting for the code", code_until)
        await self._wait(code_until + TOKEN_LIFE)
        await workflow.execute_local_activity_method(
            PasswordActivities.close_reset, CloseReset(reset), summary="Forget the reset", **patience.DATABASE
        )
        workflow.set_current_details("### Over\n\nNo code of this reset is good any more.\n")

    async def _wait(self, until: datetime) -> None:
        left = until - workflow.now()
        if left.total_seconds() > 0:
            try:
                await workflow.wait_condition(
                    lambda: self._called_off, timeout=left, timeout_summary="Until code and token are over"
                )
            except TimeoutError:
                return

    def _tell(self, step: str, code_until: datetime) -> None:
        workflow.set_current_details(
            f"### {step}\n\n**Code good until:** {code_until:%Y-%m-%d %H:%M} UTC at the latest, "
            f"5 minutes after its letter was sent  \n"
            f"**Forgotten at:** {code_until + TOKEN_LIFE:%Y-%m-%d %H:%M} UTC, or when this workflow is cancelled\n"
        )

    def _call_off(self) -> None:
        self._called_off = True
