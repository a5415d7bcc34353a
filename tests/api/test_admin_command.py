"""The command that makes the first administrator, run as an operator runs it, at the API's own database."""

import os
import subprocess
import sys
from typing import Any

import pytest

from models.database import Database
from models.roles import Role
from tests import people
from tests.api.conftest import Api, StartApi
from tests.house.messages import ROOT

EMAIL, PASSWORD = "boss@shop.example", "correct horse battery staple"


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    """Without limits at the doors."""
    return await start_api(RATE_LIMIT_LOGIN="off")


def command(url: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m api admin …`"""
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(
        [sys.executable, "-m", "api", "admin", *arguments],
        cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def log_in(api: Api, password: str, email: str = EMAIL) -> Any:
    """What the sign-in was answered."""
    return await api.post("/api/v1/auth/login", json={"email": email, "password": password})


async def audited(database: Database) -> list[tuple[Any, ...]]:
    """What was written down: who, what, before, after."""
    rows = await database.fetch(
        "SELECT a.actor_id, a.action, u.email, a.before::text, a.after::text, a.reason"
        " FROM audit_log a JOIN users u ON u.id::text = a.subject ORDER BY a.id"
    )
    return [tuple(row) for row in rows]


async def users(database: Database) -> list[tuple[Any, ...]]:
    """Every account as it stands."""
    return [tuple(row) for row in await database.fetch("SELECT * FROM users ORDER BY id")]


async def test_the_first_administrator(api: Api, database: Database, database_url: str) -> None:
    """Given a password on standard input, then its owner signs in, may what admins may, and it is written down."""
    done = command(database_url, EMAIL, typed=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{EMAIL} is an administrator.\n", "")
    entered = (await log_in(api, PASSWORD)).json()
    assert entered["user"]["roles"] == ["customer", "admin"]
    headers = {"Authorization": f"Bearer {entered['access_token']}"}
    [change] = (await api.get("/api/v1/admin/audit", headers=headers)).json()["items"]
    assert (change["actor"], change["action"], change["subject"]) == (None, "user.create", entered["user"]["id"])
    assert await audited(database) == [
        (None, "user.create", EMAIL, None, '{"roles": ["customer", "admin"]}', "python -m api admin")
    ]


async def test_a_generated_password_is_printed_once(api: Api, database_url: str) -> None:
    """Given --generate, then the password that is printed opens the account."""
    done = command(database_url, EMAIL, "--generate")
    said, _, password = done.stdout.strip().partition("\nPassword: ")
    assert (done.returncode, said) == (0, f"{EMAIL} is an administrator.")
    assert (await log_in(api, password)).status_code == 200


@pytest.mark.parametrize(
    ("email", "typed", "said"),
    [
        ("Ada@example.com", PASSWORD, "There is an account with the address Ada@example.com: "
         "--promote makes it an admin's.\n"),
        (EMAIL, "short", "A password has at least 8 characters.\n"),
        (EMAIL, "", "A password has at least 8 characters.\n"),
        (EMAIL, "boss@shop.example", "This password is little more than a name or an address: take another.\n"),
        ("nobody", PASSWORD, "Expected `str` matching regex"),
    ],
)  # fmt: skip
async def test_what_is_refused_changes_nothing(
    database: Database, database_url: str, email: str, typed: str, said: str
) -> None:
    """Given an address that is taken, or no password to speak of, then it says so, and nothing moved."""
    async with database.writing() as writer:
        await people.account(writer, email="ada@example.com")
    before = await users(database)
    done = command(database_url, email, typed=typed)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)
    assert await users(database) == before
    assert await audited(database) == []


async def test_promoting_keeps_all_else(database: Database, database_url: str) -> None:
    """Given an account, then it is an admin's with its password and other roles; twice is once, nobody is refused."""
    async with database.writing() as writer:
        await people.account(writer, Role.CUSTOMER, Role.SUPPORT, email=EMAIL)
    for word in ("now", "already"):
        done = command(database_url, EMAIL.upper(), "--promote")
        assert (done.returncode, done.stdout) == (0, f"{EMAIL.upper()} is an administrator {word}.\n")
    rows = await database.fetch("SELECT roles, password_hash FROM users")
    assert [tuple(row) for row in rows] == [(["customer", "support", "admin"], None)]
    assert [row[:2] for row in await audited(database)] == [(None, "user.change")]
    nobody = command(database_url, "nobody@shop.example", "--promote")
    assert (nobody.returncode, nobody.stderr) == (1, "There is no open account with the address nobody@shop.example.\n")


def test_a_database_that_is_away_is_named() -> None:
    """Given nothing at the address, or no address, then one line says so."""
    away = command("postgresql://nobody@127.0.0.1:9/none", EMAIL, "--promote")
    assert (away.returncode, away.stderr.startswith("postgres is unavailable")) == (1, True)
    unset = command("", EMAIL, "--promote")
    assert (unset.returncode, unset.stderr.startswith("DATABASE_URL is not set")) == (1, True)
