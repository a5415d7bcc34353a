"""The desk as a browser meets it: somebody with a cookie, whose forms say where they come from."""

import re
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from models import clock
from models.database import Database
from models.ids import SessionId, UserId, new_id
from models.roles import Role
from models.session import REFRESH_LIFE, desk_proof, desk_token
from models.tables.session import sessions
from tests import people, shop
from tests.activities.till import Till
from tests.api.conftest import Api

HERE = {"Origin": "http://shop.test", "Sec-Fetch-Site": "same-origin"}
"""What a browser says when a page of ours sends a form."""


class Visitor:
    """A browser at the desk."""

    def __init__(self, api: Api, session: SessionId | None = None, user: UserId | None = None) -> None:
        self.api, self.session, self.user = api, session, user
        self.key: bytes = api.app.state.house.settings.secret_key
        token = desk_token(self.key, session, clock.now()) if session else None
        self.headers = {"Cookie": f"holdfast-desk={token}"} if token else {}

    @property
    def proof(self) -> str:
        """What its forms bring back."""
        return desk_proof(self.key, self.session) if self.session else ""

    async def see(self, path: str, **headers: str) -> httpx.Response:
        """A page."""
        return await self.api.get(f"/desk{path}", headers={**self.headers, **headers})

    async def send(self, path: str, said: dict[str, Any], **headers: str) -> httpx.Response:
        """A form as a page of ours makes it, unless `headers` say otherwise."""
        body = {"proof": self.proof, **said}
        return await self.api.post(f"/desk{path}", data=body, headers={**self.headers, **HERE, **headers})


async def begun(database: Database, user: UserId) -> SessionId:
    """A sign-in of an account."""
    born = SessionId(new_id())
    async with database.writing() as writer:
        await writer.execute(sa.insert(sessions).values(id=born, user_id=user, expires_at=clock.now() + REFRESH_LIFE))
    return born


Hire = Callable[..., Coroutine[Any, Any, Visitor]]


@pytest.fixture
def hire(api: Api, database: Database) -> Hire:
    """Lets somebody with these roles sit down at the desk."""

    async def sit(*roles: Role) -> Visitor:
        async with database.writing() as writer:
            user = await people.account(writer, *roles)
        return Visitor(api, await begun(database, user), user)

    return sit


@pytest.fixture
async def till(api: Api, database: Database) -> Till:
    """Mugs and cups, and what makes orders of them."""
    async with database.writing() as writer:
        mug = await shop.stock_product(writer, "MUG", 50)
        cup = await shop.stock_product(writer, "CUP", 50)
    return Till(database, mug, cup)


def text_of(page: httpx.Response) -> str:
    """What a reader reads."""
    body = re.sub(r"<(script|style|head).*?</\1>", " ", page.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))
