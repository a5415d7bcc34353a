"""A forgotten password: a code by mail, a token for the code, a new password for the token.

Nothing here tells whether an address has an account: asking looks nothing up, and trying a code writes a row's worth
for every address alike.
"""

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from api.access import Access
from api.context import House, IdempotencyKey, Identity, StrictRequest, idempotency_key, sealed
from api.credentials import must_be_good
from api.limits import Limit
from api.problems import refuses
from api.repeats import once, scope_of
from models import clock
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import ResetId, new_id
from models.password import Password
from models.reset import TOKEN_LIFE, email_key, is_code, read_token, token
from models.session import Ended
from models.tables import outbox
from models.tables import password_reset as resets
from models.tables import session as sessions
from models.tables import user as users
from models.user import Email
from workflows.patience import ORDERS
from workflows.reset_password import AskForReset, ResetPassword, reset_workflow_id

NOBODY = Identity()
"""Whoever has forgotten a password is not signed in, and has no cart that matters here."""
NO_RESET = ResetId(UUID(int=0))
"""Its code is computed where there is no reset, so that this takes as long."""


class ForgotBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose password is forgotten."""

    email: Email


class OtpBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that came by mail."""

    email: Email
    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["271828"])]


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password."""

    reset_token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """What the code was given for."""
    password: Password


class PasswordReply(msgspec.Struct, frozen=True):
    """What was done, in words for whoever asked."""

    detail: str


class OtpReply(msgspec.Struct, frozen=True):
    """The code was right."""

    reset_token: str
    """Sets one new password."""
    expires_in: int
    """Seconds that it is good for."""


class Verdict(msgspec.Struct, frozen=True):
    """What a try came to; kept under its Idempotency-Key, without the token, which follows from the reset."""

    reset: ResetId | None
    until: datetime | None = None


@post(
    "/auth/password/forgot", operation_id="forgotPassword", access=Access.PUBLIC, limited=Limit.FORGOT,
    tags=["Accounts"], summary="Ask for a code by mail", status_code=202,
    responses=refuses("idempotency_key_reused", "invalid", "unsupported_media_type", "too_many_requests",
                      "unavailable"),
)  # fmt: skip
async def forgot_password(
    request: StrictRequest, house: House, data: JSONBody[ForgotBody], idempotency: IdempotencyKey = None
) -> Response[PasswordReply]:
    """The same answer in the same time, whether or not there is an account. A code replaces the one before.

    It is good for five minutes from its sending, and for five tries; an address is written to five times an hour.
    """
    key, meant = idempotency_key(idempotency), sealed(house, data)
    scope = scope_of(request, NOBODY, "POST /auth/password/forgot")
    owner = reset_workflow_id(_derived(house, scope, key) if key else new_id())
    try:
        await house.temporal.start_workflow(
            ResetPassword.run, AskForReset(data.email), id=owner, task_queue=ORDERS,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary="Somebody forgot a password", memo={"request": meant},
            rpc_timeout=house.settings.answer_budget,
        )  # fmt: skip
    except WorkflowAlreadyStartedError as begun:
        if await _meant(house, owner) != meant:
            raise Refusal("idempotency_key_reused", "This Idempotency-Key was used with another request.") from begun
    except RPCError as error:
        raise Unavailable("temporal", error.message) from error
    return Response(PasswordReply("If there is an account with this address, a code is on its way."), status_code=202)


@post(
    "/auth/password/verify-otp", operation_id="verifyResetCode", access=Access.PUBLIC, limited=Limit.OTP,
    tags=["Accounts"], summary="A reset token for the code", status_code=200,
    responses=refuses("otp_wrong", "idempotency_key_reused", "invalid", "unsupported_media_type",
                      "too_many_requests", "unavailable"),
)  # fmt: skip
async def verify_code(
    request: StrictRequest, house: House, data: JSONBody[OtpBody], idempotency: IdempotencyKey = None
) -> OtpReply:
    """`otp_wrong` is all that is said of a wrong code, a late one, one tried too often, and of an unknown address.

    The fifth try closes the reset; the right code sent again gets the same token.
    """
    secret = house.settings.secret_key

    async def attempt(writer: Writer) -> Verdict:
        tried = await resets.count_try(writer, email_key(secret, data.email))
        right = is_code(secret, tried.reset if tried else NO_RESET, data.code)
        if tried is None or not tried.open or not right:
            return Verdict(None)  # returned, not raised: the try has to stay counted
        return Verdict(tried.reset, await resets.verify(writer, tried.reset) + TOKEN_LIFE)

    scope = scope_of(request, NOBODY, "POST /auth/password/verify-otp")
    verdict = await once(house, scope, idempotency_key(idempotency), sealed(house, data), Verdict, attempt)
    if verdict.reset is None or verdict.until is None:
        raise Refusal("otp_wrong", "This code does not fit this address, or not any more: ask for a new one.")
    left = int((verdict.until - clock.now()).total_seconds())
    return OtpReply(token(secret, verdict.reset), max(left, 0))


@post(
    "/auth/password/reset", operation_id="resetPassword", access=Access.PUBLIC,
    tags=["Accounts"], summary="Set a new password", status_code=200,
    responses=refuses("reset_token_invalid", "password_unacceptable", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "too_many_requests", "unavailable"),
)  # fmt: skip
async def reset_password(
    request: StrictRequest, house: House, data: JSONBody[ResetBody], idempotency: IdempotencyKey = None
) -> PasswordReply:
    """Once for a token. Everybody who is signed in to the account is signed out, and its owner is told by mail."""
    reset = read_token(house.settings.secret_key, data.reset_token) or NO_RESET
    about, kept = await resets.owner(house.database, reset), ""
    if about is not None:
        must_be_good(house, data.password, *about)
        kept = await house.passwords.hashed(data.password)

    async def set_password(writer: Writer) -> PasswordReply:
        user = await resets.use(writer, reset) if kept else None
        if user is None or not await users.set_password(writer, user, kept):
            raise Refusal("reset_token_invalid", "This reset is over: ask for a new code.")
        await sessions.revoke_all(writer, user, Ended.PASSWORD_CHANGED)
        await outbox.write_account_letter(writer, "password_changed", user, f"password_changed/{reset}")
        return PasswordReply("The password is set: sign in with it.")

    scope = scope_of(request, NOBODY, "POST /auth/password/reset")
    return await once(house, scope, idempotency_key(idempotency), sealed(house, data), PasswordReply, set_password)


def _derived(house: House, scope: str, key: str) -> UUID:
    """What a request's key makes of the workflow's id: the same for a repeat, and nobody's address."""
    return UUID(bytes=hmac.digest(house.settings.secret_key, f"reset:{scope}:{key}".encode(), sha256)[:16])


async def _meant(house: House, owner: str) -> object:
    """Which request began this reset. Raises: Unavailable."""
    try:
        seen = await house.temporal.get_workflow_handle(owner).describe(rpc_timeout=house.settings.answer_budget)
    except RPCError as error:
        raise Unavailable("temporal", error.message) from error
    return await seen.memo_value("request", None)


handlers = [forgot_password, verify_code, reset_password]
