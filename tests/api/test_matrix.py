"""Everybody who may stand at the door × every route of the app, against the table that `tests/routes.py` is."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import jwt
import pytest
import sqlalchemy as sa

from models import clock, session
from models.database import Database
from models.ids import SessionId, new_id
from models.roles import Role
from models.tables.session import sessions
from tests import people, shop
from tests.api.conftest import DOWN_IS_AN_ANSWER, Api, StartApi, everything
from tests.routes import ANYONE, PUBLIC, ROUTES, TOKEN

NOBODY, BAD = "nobody", ("revoked session", "expired token", "forged token", "unsigned token")


class Cell(NamedTuple):
    """One route, asked by one caller."""

    route: str
    caller: str
    status: int


AGAIN = {("POST /api/v1/auth/logout", "revoked session")}
"""Whoever is signed out already may sign out."""


def expected(who: str | set[Role], caller: str, route: str = "") -> str:
    """What a caller meets at a route: `401`, `403` or `passes`."""
    if (route, caller) in AGAIN:
        return "passes"
    if who == PUBLIC or (who == ANYONE and caller not in BAD):
        return "passes"
    if caller in BAD or caller == NOBODY:
        return "401"
    return "passes" if isinstance(who, str) or caller in who else "403"


def address(route: str) -> tuple[str, str]:
    """Method and an address that the route takes; nothing is there."""
    method, path = route.split(" ")
    made_up = {"uuid": str(uuid4()), "str": "none-of-ours", "int": "1", "path": "none.png"}
    return method, re.sub(r"\{\w+:(\w+)\}", lambda match: made_up[match[1]], path)


@pytest.fixture
async def api(start_api: StartApi, parts: dict[str, str], database: Database) -> Api:
    """The API beside a Temporal that takes work which nobody does."""
    async with database.writing() as writer:
        await shop.open_shop(writer)
    return await start_api(TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"], CHECKOUT_ANSWER_BUDGET="0.5")


@pytest.fixture
async def bad(api: Api, database: Database) -> AsyncIterator[dict[str, dict[str, str]]]:
    """The headers of those whose token is no good."""
    key: bytes = api.app.state.house.settings.secret_key
    revoked = await api.sign_in(Role.ADMIN)
    async with database.writing() as writer:
        await writer.execute(sa.update(sessions).values(revoked_at=clock.now()))
        user = await people.account(writer, Role.ADMIN)
        alive = SessionId(new_id())
        later = clock.now() + timedelta(days=7)
        await writer.execute(sa.insert(sessions).values(id=alive, user_id=user, expires_at=later))
    genuine = session.access_token(key, user, alive, clock.now())
    assert (await api.get("/api/v1/admin/audit", headers={"Authorization": f"Bearer {genuine}"})).status_code == 200
    old = session.access_token(key, user, alive, clock.now() - session.ACCESS_LIFE - timedelta(seconds=1))
    forged = session.access_token(b"f" * 32, user, alive, clock.now())
    claims: dict[str, Any] = jwt.decode(genuine, options={"verify_signature": False})
    yield {
        "revoked session": revoked,
        "expired token": {"Authorization": f"Bearer {old}"},
        "forged token": {"Authorization": f"Bearer {forged}"},
        "unsigned token": {"Authorization": f"Bearer {jwt.encode(claims, '', 'none')}"},
    }


async def walk(api: Api, caller: str, headers: dict[str, str] | None, wanted: set[str]) -> list[Cell]:
    """Ask every route as one caller; the cells that are not as the table says. `wanted`: routes that refuse or pass."""
    wrong = []
    for route, who in ROUTES.items():
        if expected(who, caller, route) not in wanted:
            continue
        mine = headers if headers is not None else await api.sign_in(Role(caller))
        method, path = address(route)
        body: Any = {} if method in ("POST", "PATCH") else None
        answer = await api.ask(method, path, headers=mine, json=body)
        met = str(answer.status_code) if answer.status_code in (401, 403) else "passes"
        broken = answer.status_code >= 500 and path != DOWN_IS_AN_ANSWER
        if broken or met != expected(who, caller, route):
            wrong.append(Cell(route, caller, answer.status_code))
    return wrong


async def test_who_is_refused(api: Api, bad: dict[str, dict[str, str]], database: Database) -> None:
    """Given everybody who may not, then each is told so as the table says, and not one row has moved."""
    before = await everything(database)
    for caller, headers in {NOBODY: dict[str, str](), **bad}.items():
        assert await walk(api, caller, headers, {"401"}) == []
    assert await everything(database) == before
    signed_in = {role: await api.sign_in(role) for role in Role}
    before = await everything(database)
    for role, headers in signed_in.items():
        assert await walk(api, role, headers, {"403"}) == []
    assert await everything(database) == before


async def test_who_passes(api: Api, bad: dict[str, dict[str, str]]) -> None:
    """Given everybody who may, each signed in anew, then none is refused and nothing breaks."""
    wrong = [cell for role in Role for cell in await walk(api, role, None, {"passes"})]
    for caller, headers in {NOBODY: dict[str, str](), **bad}.items():
        wrong += await walk(api, caller, headers, {"passes"})
    assert wrong == []


async def test_what_is_documented_is_what_is_asked(api: Api) -> None:
    """Given the OpenAPI, then whoever reads there that no token is needed can rely on it, and the other way round."""
    rows = {re.sub(r":\w+\}", "}", route): who for route, who in ROUTES.items()}
    for path, operations in (await api.get("/docs/openapi.json")).json()["paths"].items():
        for method, operation in operations.items():
            route = f"{method.upper()} {path}"
            who = rows[route]
            token = {"accessToken": list[str]()}
            told = None if who == PUBLIC else [{}, token] if who in (ANYONE, TOKEN) else [token]
            assert operation.get("security") == told, route
            assert "401" in operation["responses"] or who == PUBLIC, route
            assert ("403" in operation["responses"]) is isinstance(who, set), route


def test_the_rules_are_read_right() -> None:
    """Given each kind of row, then it means what its docstring says."""
    callers = (NOBODY, Role.CUSTOMER, Role.ADMIN, BAD[0])
    assert [expected(PUBLIC, caller) for caller in callers] == ["passes"] * 4
    assert [expected(ANYONE, caller) for caller in callers] == ["passes", "passes", "passes", "401"]
    assert [expected(TOKEN, caller) for caller in callers] == ["401", "passes", "passes", "401"]
    assert [expected({Role.ADMIN}, caller) for caller in callers] == ["401", "403", "passes", "401"]
    assert [expected(set(Role), caller) for caller in callers] == ["401", "passes", "passes", "401"]
