"""How often a request asks Postgres: each catalogue route, made anew and kept."""

from typing import Any

import pytest

from models.database import Database
from tests import goods
from tests.api.conftest import Api

MOST: dict[str, int] = {
    "/products": 1, "/products?sort=price": 1, "/products?count=true": 2, "/products?in_stock=true": 2,
    "/products?category=home&tag=red&vendor=acme": 3, "/products?category=home&count=true": 4,
    "/products?category=nothing": 1, "/products/mug": 1, "/products/none": 1, "/products/featured": 2,
    "/products/best-sellers": 1, "/products/flash-sales": 1, "/products/trending": 1, "/products/mug/similar": 3,
    "/products/mug/reviews": 2, "/products/mug/frequently-bought-together": 1, "/categories": 1,
    "/categories/home": 1, "/categories/home/products": 3, "/categories/none/products": 2, "/tags": 1, "/vendors": 1,
    "/vendors/acme": 1,
}  # fmt: skip
"""By address, statements of one answer."""


@pytest.mark.parametrize("path", MOST)
async def test_questions_of_one_request(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Given a shop with some products, then a request asks so often, and a kept answer asks nothing."""
    async with database.writing() as writer:
        home, red = await goods.category(writer, "home"), await goods.tag(writer, "red")
        acme = await goods.vendor(writer, "acme")
        for slug in ("mug", "cup", "pot"):
            await goods.product(writer, slug, category=home, tags=[red], vendor_id=acme, featured=True,
                                figures={"sold": 1, "trend": 1})  # fmt: skip
    asked: list[str] = []

    def counting(fetch: Any) -> Any:
        async def counted(self: Database, sql: str, *arguments: object) -> Any:
            asked.append(sql)
            return await fetch(self, sql, *arguments)

        return counted

    monkeypatch.setattr(Database, "fetch", counting(Database.fetch))
    monkeypatch.setattr(Database, "fetch_planned", counting(Database.fetch_planned))
    first = await api.get(f"/api/v1{path}")
    assert len(asked) == MOST[path], asked
    again = await api.get(f"/api/v1{path}")
    assert len(asked) == MOST[path] * (1 if first.status_code == 200 else 2)
    assert again.content == first.content or first.status_code == 404
