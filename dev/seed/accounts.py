"""Puts the people of the sample shop into the database, each unless there is an account with the address already."""

from collections.abc import Mapping

from dev.logins import EMAILS
from models.database import Writer
from models.ids import UserId, new_id
from models.password import Passwords
from models.roles import Role
from models.tables import user as users

NAMES = {Role.ADMIN: ("Grace", "Hopper"), Role.CUSTOMER: ("Ada", "Lovelace")}


async def welcome(writer: Writer, passwords: Mapping[Role, str]) -> int:
    """Those whose password is known; returns how many came in."""
    hasher, come = Passwords(at_once=1), 0
    for role, password in passwords.items():
        if await users.lock_by_email(writer, EMAILS[role]) is None:
            first, last = NAMES[role]
            come += await users.insert(
                writer, UserId(new_id()), EMAILS[role], await hasher.hashed(password),
                first_name=first, last_name=last, roles={Role.CUSTOMER: None, role: None},
            )  # fmt: skip
    hasher.close()
    return come
