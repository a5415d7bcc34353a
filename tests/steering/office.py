"""Staff at their desks: who they are, what they press, and what that leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import httpx
import msgspec

from models import tokens
from models.ids import LocationId, UserId
from models.order import OrderStatus
from models.roles import Role
from models.tables import inventory
from tests import people
from tests.api.conftest import Api
from tests.flow import Flow, Handle
from tests.workflows.stories import Shelf

ADMIN = "/api/v1/admin"
CELLAR = LocationId(UUID("01900000-0000-7000-8000-000000000002"))
"""Where five mugs more lie, which are taken last."""
_CELLAR = f"INSERT INTO locations (id, code, name, priority) VALUES ('{CELLAR}', 'cellar', 'Cellar', 900) ON CONFLICT DO NOTHING"  # noqa: E501 - ours


class Clerk:
    """One of the staff, signed in."""

    def __init__(self, api: Api, user: UserId, headers: dict[str, str]) -> None:
        self.api = api
        self.user = user
        self.headers = headers

    async def press(self, number: str, action: str, key: str | None = None, **body: Any) -> httpx.Response:
        """An action on an order."""
        return await self.post(f"orders/{number}/actions/{action}", key, **body)

    async def post(self, path: str, key: str | None = None, **body: Any) -> httpx.Response:
        """Anything else."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return await self.api.post(f"{ADMIN}/{path}", json=body, headers=headers)

    async def see(self, path: str) -> dict[str, Any]:
        """What is there."""
        answer = await self.api.get(f"{ADMIN}/{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


class Office:
    """The API, and orders that live in this process."""

    def __init__(self, api: Api, flow: Flow) -> None:
        self.api = api
        self.flow = flow
        self.database = flow.database

    async def hire(self, *roles: Role) -> Clerk:
        """Somebody new."""
        async with self.database.writing() as writer:
            user = await people.account(writer, *roles)
        return Clerk(self.api, user, await self.api.sign_in(user=user))

    async def shelf(self, cellar: int = 5) -> Shelf:
        """Five mugs here and five in the cellar, one of them in a cart, and the number of the order that it becomes."""
        shelf = await Shelf.open(self.flow)
        async with self.database.writing() as writer:
            await writer.exec_driver_sql(_CELLAR, ())
            if cellar:
                await inventory.receive(writer, shelf.mug, cellar, "office", "for the cellar", CELLAR)
        shelf.number = tokens.order_number(b"office", str(shelf.cart))
        return shelf

    async def sold(self) -> tuple[Shelf, Handle]:
        """An order of one mug, 16.00, paid and confirmed."""
        shelf = await self.shelf()
        handle, _ = await shelf.buy()
        await self.flow.until(handle, OrderStatus.CONFIRMED)
        return shelf, handle

    async def until(self, shelf: Shelf, meets: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until the rows of its order are so."""

        async def met() -> bool:
            return meets(await shelf.row())

        await self.when(met)

    async def when(self, meets: Callable[[], Awaitable[object]], within: float = 60) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(within):
            while not await meets():
                await asyncio.sleep(0.02)

    async def log(self, subject: str) -> list[tuple[str, UserId, str | None]]:
        """What was written down about it, oldest first: what, who, why."""
        rows = await self.database.fetch(
            "SELECT action, actor_id, reason FROM audit_log WHERE subject = $1 ORDER BY at, id", subject
        )
        return [(row["action"], row["actor_id"], row["reason"]) for row in rows]

    async def given_back(self, number: str) -> int:
        """What the provider sent back of an order."""
        return sum(each["refunded"] for each in await self.flow.intents(number))


def usd(amount: int) -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": "usd"}


def code(answer: httpx.Response) -> tuple[int, str]:
    """How it was refused."""
    return answer.status_code, str(msgspec.json.decode(answer.content)["code"])
