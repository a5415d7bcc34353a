"""Goods at the desk: what lies where, what moved it, and what is sold; to look at."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get

from api.admin import inventory, products
from api.context import Caller, House, StrictRequest
from api.desk.admission import PATH
from api.desk.calls import Desk
from api.desk.questions import asked
from api.desk.rendering import page
from models.roles import Scope

Line = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Place = Annotated[str, msgspec.Meta(max_length=100)]


class GoodsSearch(msgspec.Struct, frozen=True):
    """What is looked for."""

    q: Line | None = None
    low: bool | None = None
    archived: bool = False
    cursor: Place | None = None


class One(msgspec.Struct, frozen=True):
    """One variant or product."""

    sku: Line = "?"
    slug: Line = "?"


@get(f"{PATH}/stock", include_in_schema=False, access=Scope.INVENTORY_READ)
async def list_stock(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Every variant with what is here of it."""
    desk, sought = Desk(request, house, caller), asked(request, GoodsSearch)
    found = await desk.ask(inventory.list_stock, words=sought.q, low=sought.low, limit=50, place=sought.cursor)
    return page(desk, "stock.html", here="stock", found=found, sought=sought)


@get(f"{PATH}/stock/variant", include_in_schema=False, access=Scope.INVENTORY_READ)
async def read_stock(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Where it lies, who has it promised, and what moved it last."""
    desk = Desk(request, house, caller)
    sheet = await desk.ask(inventory.read_stock, sku=asked(request, One).sku)
    return page(desk, "variant.html", here="stock", sheet=sheet)


@get(f"{PATH}/products", include_in_schema=False, access=Scope.CATALOGUE_READ)
async def list_products(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """Every product, also what no shopper sees yet."""
    desk, sought = Desk(request, house, caller), asked(request, GoodsSearch)
    found = await desk.ask(
        products.list_products, words=sought.q, archived=sought.archived, limit=50, place=sought.cursor
    )
    return page(desk, "products.html", here="products", found=found, sought=sought)


@get(f"{PATH}/products/product", include_in_schema=False, access=Scope.CATALOGUE_READ)
async def read_product(request: StrictRequest, house: House, caller: Caller) -> Response[Any]:
    """With its variants, their prices, and what can be bought of each."""
    desk = Desk(request, house, caller)
    sheet = await desk.ask(products.read_product, slug=asked(request, One).slug)
    return page(desk, "product.html", here="products", sheet=sheet)


handlers = [list_stock, read_stock, list_products, read_product]
