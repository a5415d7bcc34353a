"""Accounts: support finds people, admins open, change, close and reopen their accounts and decide who is staff."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, write_down
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key, sealed
from api.credentials import must_be_good
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.address import Phone, Text
from models.audit import PERSONAL
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import UserId, new_id
from models.password import Password
from models.roles import Role, Scope
from models.session import Ended
from models.tables import account as accounts
from models.tables import password_reset as resets
from models.tables import session as sessions
from models.tables import user as users
from models.user import Account, Email, Locale, User, spelled

Roles = Annotated[
    list[Role],
    Meta(min_length=1, max_length=len(Role), examples=[["support"]], description="What they are to the shop"),
]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Part of the address, or of first and last name; case does not matter",
    ),
]  # fmt: skip
OfRole = Annotated[Role | None, QueryParameter(name="role", description="Only who has this role")]
Archived = Annotated[bool, QueryParameter(description="True: closed accounts, and only those")]

_PERSONAL = frozenset({"email", "first_name", "last_name", "phone"})
_IN_ORDER = {role: place for place, role in enumerate(Role)}


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account for somebody else."""

    email: Email
    roles: Roles
    first_name: Text | None = None
    last_name: Text | None = None
    phone: Phone | None = None
    locale: Locale = "en"
    password: Password | None = None
    """Left out: nobody can sign in before its owner has asked for a new password."""
    reason: Reason | None = None


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; null takes a name or the phone away."""

    email: Email | UnsetType = UNSET
    roles: Roles | UnsetType = UNSET
    """All of them, in place of those before. Roles that are taken away are gone with the next request."""
    first_name: Text | UnsetType | None = UNSET
    last_name: Text | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    locale: Locale | UnsetType = UNSET
    reason: Reason | None = None


class UserList(msgspec.Struct, frozen=True):
    """One page of accounts, newest first."""

    items: list[User]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class SessionsEnded(msgspec.Struct, frozen=True):
    """Signed out everywhere."""

    sessions_ended: int
    """Where the account was signed in."""


class Done(msgspec.Struct, frozen=True):
    """Whose account it was. All that is kept for a repeat: nothing that its owner may want forgotten."""

    user: UserId


@get(
    "/admin/users", operation_id="listUsers", access=Scope.USERS_READ, tags=["Staff"], summary="Accounts",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_users(
    house: House,
    caller: Caller,
    words: Words = None,
    of_role: OfRole = None,
    archived: Archived = False,
    limit: PageSize = 20,
    place: Place = None,
) -> UserList:
    """Newest first. Filters add up."""
    found = await accounts.listed(house.database, limit + 1, words, of_role, archived, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    await write_down_reading(house, caller, "user.read", [LIST])
    return UserList(items, more)


@post(
    "/admin/users", operation_id="createUser", access=Scope.USERS_WRITE, tags=["Staff"], summary="New account",
    responses=staff_refuses("email_taken", "password_unacceptable", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_user(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewUser], idempotency: IdempotencyKey = None
) -> Account:
    """For staff, a vendor or a buyer. A repeat under the same key answers with the account as it is by then."""
    kept = None
    if data.password is not None:
        must_be_good(house, data.password, data.email, data.first_name, data.last_name)
        kept = await house.passwords.hashed(data.password)

    async def create(writer: Writer) -> Done:
        user, roles, locale = UserId(new_id()), _in_order(data.roles), spelled(data.locale)
        new = await users.insert(
            writer, user, data.email, kept, first_name=data.first_name, last_name=data.last_name, phone=data.phone,
            locale=locale, roles=roles,
        )  # fmt: skip
        if not new:
            raise Refusal("email_taken", "There is an account with this address.")
        after = {"email": PERSONAL, "roles": roles, "locale": locale, "has_password": kept is not None}
        await write_down(writer, caller, "user.create", user, after=after, reason=data.reason)
        return Done(user)

    scope = scope_of(request, caller, "POST /admin/users")
    done = await once(house, scope, idempotency_key(idempotency), sealed(house, data), Done, create)
    return await _account(house, caller, done.user)


@get(
    "/admin/users/{user_id:uuid}", operation_id="readUser", access=Scope.USERS_READ,
    tags=["Staff"], summary="An account",
    responses=staff_refuses("user_not_found"),
)  # fmt: skip
async def read_user(house: House, caller: Caller, user_id: FromPath[UUID]) -> Account:
    """With where it is signed in and what it has ordered, also when it is closed."""
    return await _account(house, caller, UserId(user_id))


@patch(
    "/admin/users/{user_id:uuid}", operation_id="changeUser", access=Scope.USERS_WRITE,
    tags=["Staff"], summary="Change an account",
    responses=staff_refuses("user_not_found", "account_erased", "email_taken", "last_admin", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def change_user(house: House, caller: Caller, user_id: FromPath[UUID], data: JSONBody[UserChange]) -> Account:
    """The last admin stays one. With another address, a code on its way to the old one opens nothing."""
    user, wanted = UserId(user_id), _wanted(data)
    async with house.database.writing() as writer:
        loses_admin = "roles" in wanted and Role.ADMIN not in wanted["roles"]
        admins = await accounts.lock_admins(writer) if loses_admin else []
        was = await _locked(writer, user)
        if loses_admin:
            accounts.must_not_be_last(admins, user)
        if set(wanted.get("roles", ())) == set(was.roles):
            wanted.pop("roles")  # in another order
        changed = differences(was, msgspec.structs.replace(was, **wanted), _PERSONAL)
        if changed is not None:
            before, after = changed
            await accounts.change(writer, user, {name: wanted[name] for name in after})
            if "email" in after:
                await resets.forget(writer, user)
            await write_down(writer, caller, "user.change", user, before=before, after=after, reason=data.reason)
    return await _account(house, caller, user)


@delete(
    "/admin/users/{user_id:uuid}", operation_id="archiveUser", access=Scope.USERS_WRITE,
    tags=["Staff"], summary="Close an account",
    responses=staff_refuses("user_not_found", "account_erased", "last_admin", "invalid"),
)  # fmt: skip
async def archive_user(
    house: House, caller: Caller, user_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """It is signed out everywhere at once, and nobody can sign in. Its open orders go on. Again changes nothing."""
    user = UserId(user_id)
    async with house.database.writing() as writer:
        admins = await accounts.lock_admins(writer)
        was = await _locked(writer, user)
        if was.archived_at is None:
            accounts.must_not_be_last(admins, user)
            now = await accounts.close(writer, user)
            ended = await sessions.revoke_all(writer, user, Ended.CLOSED)
            await _write_down_move(writer, caller, "user.archive", was, now, reason, ended)
    return Response(None, status_code=204)


@post(
    "/admin/users/{user_id:uuid}/restore", operation_id="restoreUser", access=Scope.USERS_WRITE,
    tags=["Staff"], summary="Reopen an account", status_code=200,
    responses=staff_refuses("user_not_found", "account_erased", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def restore_user(
    request: StrictRequest, house: House, caller: Caller, user_id: FromPath[UUID], reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> Account:  # fmt: skip
    """With the roles and the password it had. One that its owner wants forgotten stays closed."""

    async def restore(writer: Writer) -> Done:
        was = await _locked(writer, UserId(user_id))
        if was.archived_at is not None:
            now = await accounts.change(writer, was.id, {"archived_at": None})
            await _write_down_move(writer, caller, "user.restore", was, now, reason)
        return Done(was.id)

    scope = scope_of(request, caller, f"POST /admin/users/{user_id}/restore")
    done = await once(house, scope, idempotency_key(idempotency), reason, Done, restore)
    return await _account(house, caller, done.user)


@post(
    "/admin/users/{user_id:uuid}/sessions/revoke", operation_id="revokeUserSessions", access=Scope.USERS_WRITE,
    tags=["Staff"], summary="Sign an account out everywhere", status_code=200,
    responses=staff_refuses("user_not_found", "account_erased", "idempotency_key_reused", "invalid"),
)  # fmt: skip
async def revoke_sessions(
    request: StrictRequest, house: House, caller: Caller, user_id: FromPath[UUID], reason: WhyAsked = None,
    idempotency: IdempotencyKey = None,
) -> SessionsEnded:  # fmt: skip
    """At once: its tokens open nothing any more. Its owner can sign in again."""

    async def revoke(writer: Writer) -> SessionsEnded:
        was = await _locked(writer, UserId(user_id))
        ended = await sessions.revoke_all(writer, was.id, Ended.BY_STAFF)
        if ended:
            await write_down(
                writer, caller, "user.revoke_sessions", was.id,
                before={"sessions": ended}, after={"sessions": 0}, reason=reason,
            )  # fmt: skip
        return SessionsEnded(ended)

    scope = scope_of(request, caller, f"POST /admin/users/{user_id}/sessions/revoke")
    return await once(house, scope, idempotency_key(idempotency), reason, SessionsEnded, revoke)


def _wanted(data: UserChange) -> dict[str, Any]:
    """What is said of the account, as it is kept."""
    wanted = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
    wanted.pop("reason")
    if "roles" in wanted:
        wanted["roles"] = _in_order(wanted["roles"])
    if "locale" in wanted:
        wanted["locale"] = spelled(wanted["locale"])
    return wanted


def _in_order(roles: list[Role]) -> tuple[Role, ...]:
    """Each once, in the order of their definition."""
    return tuple(sorted(set(roles), key=_IN_ORDER.__getitem__))


async def _locked(writer: Writer, user: UserId) -> User:
    found = await accounts.lock(writer, user)
    if found is None:
        raise _unknown()
    return found


async def _account(house: House, caller: Identity, user: UserId) -> Account:
    """An account as staff see it; that they do is written down, also when a change changed nothing."""
    found = await accounts.find(house.database, user)
    if found is None:
        raise _unknown()
    await write_down_reading(house, caller, "user.read", [user])
    return found


async def _write_down_move(
    writer: Writer, caller: Identity, action: str, was: User, now: User, reason: str | None, ended: int | None = None
) -> None:
    more = ({"sessions": ended}, {"sessions": 0}) if ended else ({}, {})
    before, after = {"archived_at": was.archived_at, **more[0]}, {"archived_at": now.archived_at, **more[1]}
    await write_down(writer, caller, action, was.id, before=before, after=after, reason=reason)


def _unknown() -> Refusal:
    return Refusal("user_not_found", "There is no such account.")


handlers = [list_users, create_user, read_user, change_user, archive_user, restore_user, revoke_sessions]
