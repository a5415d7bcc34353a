"""One's own account: profile, consent, password."""

from typing import Any

import msgspec
from litestar import get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from api.context import Caller, House, IdempotencyKey, Identity, StrictRequest, idempotency_key, sealed
from api.credentials import Outdated, must_be_good, proof_of
from api.limits import Limit
from api.problems import refuses
from api.repeats import once, scope_of
from models.address import Phone, Text
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import new_id
from models.password import Password
from models.roles import Scope
from models.session import Ended
from models.tables import outbox
from models.tables import session as sessions
from models.tables import user as users
from models.user import Locale, User, spelled


class ProfileChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes a name or number away. The address stays: it is what one signs in
    with, and a new one would have to be proven."""

    first_name: Text | UnsetType | None = UNSET
    last_name: Text | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    locale: Locale | UnsetType = UNSET
    marketing_consent: bool | UnsetType = UNSET


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password of today and the one to come."""

    current_password: Password
    new_password: Password


class PasswordChanged(msgspec.Struct, frozen=True):
    """The new password holds."""

    sessions_ended: int
    """Sign-ins elsewhere that have to be made anew."""


@get(
    "/auth/me", operation_id="readMe", access=Scope.ACCOUNT, tags=["Accounts"], summary="One's own account",
    responses=refuses("unauthorized", "token_expired", "forbidden", "too_many_requests", "unavailable"),
)  # fmt: skip
async def read_me(house: House, caller: Caller) -> User:
    """Who is signed in."""
    return await _me(house, caller)


@patch(
    "/auth/me", operation_id="changeMe", access=Scope.ACCOUNT, tags=["Accounts"], summary="Change one's profile",
    responses=refuses("unauthorized", "token_expired", "forbidden", "invalid", "unsupported_media_type",
                      "too_many_requests", "unavailable"),
)  # fmt: skip
async def change_me(house: House, caller: Caller, data: JSONBody[ProfileChanges]) -> User:
    """Consent to marketing is kept with the time at which it was given or taken back."""
    changes: dict[str, Any] = msgspec.structs.asdict(data)
    wanted = {name: value for name, value in changes.items() if value is not UNSET}
    if "locale" in wanted:
        wanted["locale"] = spelled(wanted["locale"])
    async with house.database.writing() as writer:
        return await users.update(writer, caller.account, wanted)


@post(
    "/auth/password/change", operation_id="changePassword", access=Scope.ACCOUNT, limited=Limit.LOGIN,
    tags=["Accounts"], status_code=200,
    summary="Take another password",
    responses=refuses("unauthorized", "token_expired", "forbidden", "password_wrong", "password_unacceptable",
                      "idempotency_key_reused", "invalid", "unsupported_media_type", "too_many_requests",
                      "unavailable"),
)  # fmt: skip
async def change_password(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[PasswordChange],
    idempotency: IdempotencyKey = None,
) -> PasswordChanged:
    """Every other session of the account ends; this one stays."""
    me = await _me(house, caller)
    must_be_good(house, data.new_password, me.email, me.first_name, me.last_name)
    proof = await proof_of(house, caller.account, data.current_password)
    new = await house.passwords.hashed(data.new_password) if proof else ""

    async def change(writer: Writer) -> PasswordChanged:
        if proof is None:
            raise Refusal("password_wrong", "This is not the account's password.")
        if not await users.set_password(writer, proof.user, new, proof.kept):
            raise Outdated
        await outbox.write_account_letter(writer, "password_changed", proof.user, f"password_changed/{new_id()}")
        return PasswordChanged(await sessions.revoke_all(writer, proof.user, Ended.PASSWORD_CHANGED, caller.session))

    scope = scope_of(request, caller, "POST /auth/password/change")
    try:
        return await once(house, scope, idempotency_key(idempotency), sealed(house, data), PasswordChanged, change)
    except Outdated as late:
        raise Unavailable("accounts", "this account is being changed at this moment") from late


async def _me(house: House, caller: Identity) -> User:
    found = await users.find(house.database, caller.account)
    assert found is not None
    return found


handlers = [read_me, change_me, change_password]
