"""The sample shop's people on a real database: each comes in once, and nobody's account is ever touched."""

from typing import Any

from dev.logins import EMAILS, Login, login_lines, logins
from dev.seed.accounts import welcome
from dev.state import Secrets
from models.database import Database
from models.password import Passwords, check
from models.roles import Role


async def users(database: Database) -> list[tuple[Any, ...]]:
    """Every account as it stands."""
    return [tuple(row) for row in await database.fetch("SELECT * FROM users ORDER BY id")]


async def seed(database: Database, passwords: dict[Role, str]) -> int:
    """In a transaction of its own."""
    async with database.writing() as writer:
        return await welcome(writer, passwords)


async def test_everybody_comes_in_once(database: Database) -> None:
    """Given two passwords, then two accounts that they open, one of them an admin's; again, with others: no change."""
    people = {login.role: login.password for login in logins(Secrets())}
    assert await seed(database, people) == 2
    before, hasher = await users(database), Passwords()
    for row in await database.fetch("SELECT email, roles, password_hash FROM users"):
        role = Role.ADMIN if row["email"] == EMAILS[Role.ADMIN] else Role.CUSTOMER
        assert row["roles"] == list(dict.fromkeys(["customer", role]))
        assert await hasher.matches(row["password_hash"], people[role])
    hasher.close()
    assert await seed(database, dict.fromkeys(EMAILS, "quite another one")) == 0
    assert await users(database) == before


async def test_without_passwords_nobody_comes_in(database: Database) -> None:
    """Given a seed that was told none, then there is no account with a password that everybody could know."""
    assert await seed(database, {}) == 0
    assert await users(database) == []


def test_passwords_are_made_for_each_stack() -> None:
    """Given two state folders, then their passwords differ, and the shop itself would take them."""
    one, two = logins(Secrets()), logins(Secrets())
    assert len({login.password for login in (*one, *two)}) == 4
    for login in one:
        check(login.password, login.email)
    line = login_lines([Login(Role.ADMIN, "a@b.example", "secret")])
    assert line == ["  administrator          a@b.example                secret"]
