"""`python -m api admin someone@shop.example`: the first one who may make others staff, written down like any change."""

import argparse
import asyncio
import getpass
import sys

import msgspec

from models.database import Database, Writer
from models.environment import Invalid
from models.errors import Refusal, Unavailable
from models.ids import UserId, new_id
from models.password import Passwords, check, generated
from models.roles import Role
from models.settings import database_url
from models.tables import audit
from models.tables import user as users
from models.user import Email

REASON = "python -m api admin"
"""What the audit log says; its actor is nobody: who could run this held the database's keys anyway."""


def main() -> int:
    """Read the command line. Returns the exit code: 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m api", description="What is done at the server itself.")
    command = parser.add_subparsers(required=True, metavar="command").add_parser(
        "admin", help="make an administrator", description="Make an administrator in the database at DATABASE_URL. "
        "The password is asked for, or read from the first line of standard input when that is no terminal.",
    )  # fmt: skip
    command.add_argument("email", help="the address to sign in with")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--generate", action="store_true", help="make a password, and print it once")
    how.add_argument("--promote", action="store_true", help="give the role to who has an account; the password stays")
    options = parser.parse_args()
    try:
        said = asyncio.run(_admin(options.email, generate=options.generate, promote=options.promote))
    except (Refusal, Unavailable, Invalid, msgspec.ValidationError) as refused:
        sys.stderr.write(f"{refused.detail if isinstance(refused, Refusal) else refused}\n")
        return 1
    sys.stdout.write(said + "\n")
    return 0


async def _admin(email: str, *, generate: bool, promote: bool) -> str:
    """Do it; a line or two that say what was done."""
    msgspec.convert(email, Email)
    database = Database(database_url(), size=1)
    try:
        if promote:
            async with database.writing() as writer:
                return await promoted(writer, email)
        password = generated() if generate else _asked()
        check(password, email)
        passwords = Passwords(at_once=1)
        kept = await passwords.hashed(password)
        passwords.close()
        async with database.writing() as writer:
            await _made(writer, email, kept)
    finally:
        await database.close()
    return f"{email} is an administrator." + (f"\nPassword: {password}" if generate else "")


async def _made(writer: Writer, email: str, kept: str) -> None:
    """A new account. Raises: Refusal `email_taken`."""
    user, roles = UserId(new_id()), (Role.CUSTOMER, Role.ADMIN)
    if not await users.insert(writer, user, email, kept, roles=roles):
        raise Refusal("email_taken", f"There is an account with the address {email}: --promote makes it an admin's.")
    await audit.append(writer, None, "user.create", user, after={"roles": roles}, reason=REASON)


async def promoted(writer: Writer, email: str) -> str:
    """One more role for an account, which holds from its next request on. Again: changes nothing.

    Raises: Refusal `user_not_found`, also for a closed account.
    """
    found = await users.lock_by_email(writer, email)
    if found is None:
        raise Refusal("user_not_found", f"There is no open account with the address {email}.")
    if Role.ADMIN in found.roles:
        return f"{email} is an administrator already."
    roles = [*found.roles, Role.ADMIN]
    await users.update(writer, found.id, {"roles": roles})
    await audit.append(
        writer, None, "user.change", found.id, before={"roles": found.roles}, after={"roles": roles}, reason=REASON
    )
    return f"{email} is an administrator now."


def _asked() -> str:
    """The password, from whoever sits there or from a pipe. Raises: Refusal when it was typed in two ways."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Refusal("password_wrong", "These were two different passwords: nothing was done.")
    return password


if __name__ == "__main__":
    sys.exit(main())
