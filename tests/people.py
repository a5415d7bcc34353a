"""Builders: somebody with an account, signed in, without the hundred milliseconds that a real password costs."""

from datetime import timedelta

import sqlalchemy as sa

from models import clock, session
from models.database import Writer
from models.ids import SessionId, UserId, new_id
from models.roles import Role
from models.tables.session import sessions
from models.tables.user import users


async def account(writer: Writer, *roles: Role, email: str | None = None) -> UserId:
    """An account that no password opens. Default role: customer."""
    user = UserId(new_id())
    await writer.execute(
        sa.insert(users).values(
            id=user, email=email or f"{user.hex[-12:]}@example.com", first_name="Ada", last_name="Lovelace",
            roles=[role.value for role in roles or (Role.CUSTOMER,)],
        )
    )  # fmt: skip
    return user


async def signed_in(writer: Writer, key: bytes, *roles: Role, user: UserId | None = None) -> dict[str, str]:
    """The headers of somebody signed in: `user`, or somebody new with these roles."""
    user = user or await account(writer, *roles)
    return {"Authorization": f"Bearer {await token(writer, key, user)}"}


async def token(writer: Writer, key: bytes, user: UserId) -> str:
    """An access token of a new session."""
    born = SessionId(new_id())
    await writer.execute(sa.insert(sessions).values(id=born, user_id=user, expires_at=clock.now() + timedelta(days=7)))
    return session.access_token(key, user, born, clock.now())
