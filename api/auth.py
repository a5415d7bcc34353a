"""Coming in and going out: accounts are opened here, passwords compared, tokens given, renewed and taken back."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import structlog
from litestar import Response, post
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from api.access import OPTIONAL_BEARER, Access, bearer, prove
from api.context import Browser, Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key, sealed
from api.credentials import Outdated, Proof, must_be_good, proof_of
from api.docs import BodyOptional
from api.limits import Limit
from api.problems import refuses
from api.repeats import once, scope_of
from models import clock, logs
from models.address import Phone, Text
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import UserId, new_id
from models.password import Password
from models.session import (
    ACCESS_LIFE,
    Ended,
    Grant,
    access_token,
    read_access_token,
    read_refresh_token,
    refresh_token,
)
from models.tables import outbox
from models.tables import session as sessions
from models.tables import user as users
from models.tables.merge import merge
from models.user import Email, Locale, User, spelled
from models.wording.languages import reader

log = structlog.get_logger()

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]

TRIES = 3
"""How often a sign-in is compared again when the account's password was changed beside it."""


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    password: Password
    first_name: Text | None = None
    last_name: Text | None = None
    phone: Phone | None = None
    locale: Locale | UnsetType = UNSET
    """Left out: what the browser asks for, if we speak it; else `en`."""
    marketing_consent: bool = False


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who somebody says they are, and what proves it."""

    email: Email
    password: Password


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last refresh token that was given."""

    refresh_token: Token


class LogoutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose session to end, where the access token is lost or has expired."""

    refresh_token: Token | None = None


class VerifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An access token; left out: the one in the Authorization header."""

    token: Token | None = None


class Admission(msgspec.Struct, frozen=True):
    """Signed in."""

    user: User
    access_token: str
    """Send it as `Authorization: Bearer <access_token>`."""
    refresh_token: str
    """Good for one use, within seven days."""
    expires_in: int
    """Seconds that the access token lives."""
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a word of RFC 6750


class Verified(msgspec.Struct, frozen=True):
    """A token that opens what its account may open."""

    valid: Literal[True]
    expires_at: datetime
    user: User


class Turned(msgspec.Struct, frozen=True):
    """What a refresh came to; kept under its Idempotency-Key."""

    grant: Grant | None
    """None: the token had been used before, and its session is ended."""


@post(
    "/auth/register", operation_id="register", access=Access.PUBLIC, limited=Limit.REGISTER,
    tags=["Accounts"], summary="Open an account",
    responses=refuses("email_taken", "password_unacceptable", "idempotency_key_reused", "invalid",
                      "unsupported_media_type", "too_many_requests", "unavailable"),
)  # fmt: skip
async def register(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[Registration],
    idempotency: IdempotencyKey = None,
    language: Browser = None,
) -> Response[Admission]:
    """And be signed in to it at once. The cart named by `Cart-Token` becomes the account's."""
    must_be_good(house, data.password, data.email, data.first_name, data.last_name)
    kept = await house.passwords.hashed(data.password)

    async def open_account(writer: Writer) -> Grant:
        user = UserId(new_id())
        new = await users.insert(
            writer, user, data.email, kept, first_name=data.first_name, last_name=data.last_name, phone=data.phone,
            locale=reader(None, language) if data.locale is UNSET else spelled(data.locale),
            marketing_consent=data.marketing_consent,
        )  # fmt: skip
        if not new:
            raise Refusal("email_taken", "There is an account with this address: sign in, or ask for a new password.")
        await outbox.write_account_letter(writer, "welcome", user, f"welcome/{user}")
        return await _begin(writer, user, request, caller)

    scope = scope_of(request, caller, "POST /auth/register")
    grant = await once(house, scope, idempotency_key(idempotency), sealed(house, data), Grant, open_account)
    return Response(await _admission(house, grant), status_code=201)


@post(
    "/auth/login", operation_id="logIn", access=Access.PUBLIC, limited=Limit.LOGIN,
    tags=["Accounts"], summary="Sign in", status_code=200,
    responses=refuses("credentials_wrong", "idempotency_key_reused", "invalid", "unsupported_media_type",
                      "too_many_requests", "unavailable"),
)  # fmt: skip
async def log_in(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[Credentials],
    idempotency: IdempotencyKey = None,
) -> Admission:
    """The cart named by `Cart-Token` is put into the account's: quantities sum up, as far as the stock goes.

    An address that nobody has, a closed account and a wrong password get one answer, in the same time.
    """

    async def attempt(proof: Proof | None) -> Grant:
        async def sign_in(writer: Writer) -> Grant:
            if proof is None:
                raise Refusal("credentials_wrong", "There is no account with this address and this password.")
            if not await users.sign_in(writer, proof.user, proof.kept, proof.rehashed):
                raise Outdated
            return await _begin(writer, proof.user, request, caller)

        return await once(house, scope, key, sealed(house, data), Grant, sign_in)

    scope, key = scope_of(request, caller, "POST /auth/login"), idempotency_key(idempotency)
    for _ in range(TRIES):
        with suppress(Outdated):
            return await _admission(house, await attempt(await proof_of(house, data.email, data.password)))
    raise Unavailable("accounts", "this account is being changed at this moment")


@post(
    "/auth/token/refresh", operation_id="refreshToken", access=Access.PUBLIC, limited=Limit.REFRESH,
    tags=["Accounts"], status_code=200,
    summary="New tokens for a refresh token",
    responses=refuses("unauthorized", "token_reused", "idempotency_key_reused", "invalid", "unsupported_media_type",
                      "too_many_requests", "unavailable"),
)  # fmt: skip
async def refresh(house: House, data: JSONBody[RefreshBody], idempotency: IdempotencyKey = None) -> Admission:
    """A refresh token is good once. One that comes a second time was copied: its whole session ends at once.

    Under an `Idempotency-Key` the same request gets the same tokens again, so that a lost answer locks nobody out.
    """
    given = read_refresh_token(house.settings.secret_key, data.refresh_token)

    async def turn(writer: Writer) -> Turned:
        turned = await sessions.rotate(writer, given, clock.now())
        if turned is None:
            raise Refusal("unauthorized", "This session has ended: sign in again.")
        return Turned(turned if isinstance(turned, Grant) else None)

    scope = f"session/{given.session}/POST /auth/token/refresh"
    turned = await once(house, scope, idempotency_key(idempotency), sealed(house, data), Turned, turn)
    if turned.grant is None:
        log.warning("a refresh token was used twice: its session is ended", session_id=given.session)
        raise Refusal("token_reused", "This refresh token had been used before: sign in again.")
    return await _admission(house, turned.grant)


@post(
    "/auth/token/verify", operation_id="verifyToken", access=Access.PUBLIC, tags=["Accounts"], status_code=200,
    summary="Whether an access token is good", security=OPTIONAL_BEARER, operation_class=BodyOptional,
    responses=refuses("unauthorized", "token_expired", "invalid", "unsupported_media_type", "too_many_requests",
                      "unavailable"),
)  # fmt: skip
async def verify(request: StrictRequest, house: House, data: JSONBody[VerifyBody | None] = None) -> Verified:
    """It is ours, it has not expired, and its session lives; else 401."""
    token = (data.token if data else None) or bearer(request.headers.get("authorization"))
    if token is None:
        raise Refusal("unauthorized", "Send the access token as `token`, or as `Authorization: Bearer <access_token>`.")
    claims = read_access_token(house.settings.secret_key, token)
    account = await prove(house, claims)
    assert claims.expires_at is not None
    return Verified(True, claims.expires_at, await _profile(house, account.user))


@post(
    "/auth/logout", operation_id="logOut", access=Access.PUBLIC, tags=["Accounts"], status_code=204,
    summary="Sign out", security=OPTIONAL_BEARER, operation_class=BodyOptional,
    responses=refuses("unauthorized", "token_expired", "invalid", "unsupported_media_type", "too_many_requests",
                      "unavailable"),
)  # fmt: skip
async def log_out(request: StrictRequest, house: House, data: JSONBody[LogoutBody | None] = None) -> None:
    """Ends the session of the refresh token in the body, or else of the access token; all its tokens die at once.

    Again: changes nothing.
    """
    key = house.settings.secret_key
    if data and data.refresh_token:
        session = read_refresh_token(key, data.refresh_token).session
    else:
        token = bearer(request.headers.get("authorization"))
        if token is None:
            raise Refusal("unauthorized", "Send `Authorization: Bearer <access_token>`, or a `refresh_token`.")
        session = read_access_token(key, token).session
    async with house.database.writing() as writer:
        await sessions.revoke(writer, session, Ended.LOGOUT)


async def _begin(writer: Writer, user: UserId, request: StrictRequest, caller: Identity) -> Grant:
    """A session, and the cart that its owner filled before."""
    logs.bind(user_id=user)
    grant = await sessions.begin(writer, user, clock.now(), _device(request))
    if caller.cart:
        await merge(writer, caller.cart, user)
    return grant


async def _admission(house: House, grant: Grant) -> Admission:
    """A grant with its tokens, which follow from it: the same again for a request that is repeated."""
    key = house.settings.secret_key
    return Admission(
        await _profile(house, grant.user), access_token(key, grant.user, grant.session, grant.issued_at),
        refresh_token(key, grant.session, grant.generation), int(ACCESS_LIFE.total_seconds()),
    )  # fmt: skip


async def _profile(house: House, user: UserId) -> User:
    found = await users.find(house.database, user)
    assert found is not None
    return found


def _device(request: StrictRequest) -> str | None:
    """What its owner may recognize a session by."""
    said = request.headers.get("user-agent", "")
    return "".join(letter for letter in said if letter.isprintable())[:200] or None


handlers = [register, log_in, refresh, verify, log_out]
