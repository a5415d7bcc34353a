"""Staff at a running house: who works there, and what they do with an order over HTTP."""

from typing import Any

import httpx

from models.roles import Role
from tests import people
from tests.premises import House


class Clerk:
    """One of the staff, signed in."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        self.http = client
        self.headers = headers

    @classmethod
    async def hire(cls, house: House, client: httpx.AsyncClient, role: Role = Role.SUPPORT) -> "Clerk":
        """Somebody new."""
        database = house.database()
        async with database.writing() as writer:
            headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), role)
        await database.close()
        return cls(client, headers)

    async def see(self, number: str) -> dict[str, Any]:
        """The order, whole."""
        answer = await self.http.get(f"/admin/orders/{number}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def explain(self, number: str) -> dict[str, Any]:
        """Why the order is where it is."""
        answer = await self.http.get(f"/admin/orders/{number}/explain", headers=self.headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def do(self, number: str, action: str, key: str | None = None, **body: Any) -> httpx.Response:
        """One action."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        return await self.http.post(f"/admin/orders/{number}/actions/{action}", json=body, headers=headers)
