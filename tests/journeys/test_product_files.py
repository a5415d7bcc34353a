"""The catalogue as a file, through the whole house: checked first, imported whole, taken back unchanged."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
import sqlalchemy as sa

from models import csv_lines
from models.database import Database
from models.ids import new_id
from models.roles import Role
from models.tables.category import categories
from models.tables.tag import tags
from models.tables.vendor import vendors
from tests import people
from tests.premises import House

FIRST = ["product", "name", "description", "category", "vendor", "tags", "tax_category", "featured", "options", "sku",
         "attributes", "weight", "price_usd", "compare_at_usd", "price_jpy"]  # fmt: skip


class Desk:
    """Somebody who keeps the shelf, with goods whose names nobody else uses."""

    def __init__(self, house: House, client: httpx.AsyncClient, database: Database, mark: str) -> None:
        self.house = house
        self.http = client
        self.database = database
        self.mark = mark

    def row(self, slug: str, sku: str = "", **cells: str) -> str:
        """One row, all good."""
        usual = {"product": f"{self.mark}-{slug}", "sku": f"{self.mark}-{sku}" if sku else "", "weight": "300"}
        if "name" not in cells or cells["name"]:
            usual |= {"name": slug.title(), "category": f"{self.mark}-mugs", "tax_category": "standard",
                      "featured": "false"}  # fmt: skip
        if sku:
            usual["price_usd"] = "10.00"
        else:
            usual["weight"] = ""
        return csv_lines.line_of([{**usual, **cells}.get(name, "") for name in FIRST])

    def file(self, *rows: str) -> bytes:
        """A file of these rows."""
        return (csv_lines.line_of(FIRST) + "".join(rows)).encode()

    async def send(self, data: bytes, key: str | None = None, dry_run: bool = False, kind: str = "text/csv") -> Any:
        """Send a file in."""
        headers = {"Content-Type": kind, **({"Idempotency-Key": key} if key else {})}
        params = {"dry_run": "true"} if dry_run else {}
        return await self.http.post("/admin/products/import", content=data, headers=headers, params=params)

    async def over(self, known: Mapping[str, Any], within: float = 60) -> dict[str, Any]:
        """An import as soon as it is over."""
        with anyio.fail_after(within):
            while True:
                answer = await self.http.get(f"/admin/products/imports/{known['id']}")
                if answer.status_code == 200 and answer.json()["status"] not in ("checking", "importing"):
                    found: dict[str, Any] = answer.json()
                    return found
                await anyio.sleep(0.1)

    async def imported(self, data: bytes, **how: Any) -> dict[str, Any]:
        """An import of this file, when it is over."""
        answer = await self.send(data, **how)
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"].endswith(f"/api/v1/admin/products/imports/{answer.json()['id']}")
        return await self.over(answer.json())

    async def problems(self, known: Mapping[str, Any]) -> list[tuple[int, str | None, str]]:
        """What is wrong with a file, page by page."""
        found: list[tuple[int, str | None, str]] = []
        place: str | None = None
        while True:
            params = {"limit": "2", **({"cursor": place} if place else {})}
            page = (await self.http.get(f"/admin/products/imports/{known['id']}/problems", params=params)).json()
            found += [(each["line"], each["column"], each["reason"]) for each in page["items"]]
            place = page["next_cursor"]
            if place is None:
                assert page["total"] == known["problems"] == len(found)
                return found

    async def exported(self, **params: str) -> list[dict[str, str]]:
        """Rows of this desk's goods, as the export has them."""
        answer = await self.http.get("/admin/products/export", params=params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
        return [each for each in rows if each["product"].startswith(f"{self.mark}-")]

    async def state(self) -> list[str]:
        """All rows of this desk's goods."""
        rows = await self.database.fetch(
            "SELECT p::text FROM products p WHERE slug LIKE $1 UNION ALL "
            "SELECT v::text FROM variants v JOIN products p ON p.id = v.product_id WHERE p.slug LIKE $1 UNION ALL "
            "SELECT r::text FROM prices r JOIN variants v ON v.id = r.variant_id "
            "JOIN products p ON p.id = v.product_id WHERE p.slug LIKE $1 UNION ALL "
            "SELECT x::text FROM product_tags x JOIN products p ON p.id = x.product_id WHERE p.slug LIKE $1 ORDER BY 1",
            f"{self.mark}-%",
        )
        return [row[0] for row in rows]


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Desk]:
    """With categories, a vendor and tags of its own."""
    mark, database = f"t{uuid4().hex[:10]}", house.database()
    async with database.writing() as writer:
        headers = await people.signed_in(writer, house.environment["SECRET_KEY"].encode(), Role.CATALOG)
        for table, slugs in ((categories, ("mugs", "teas")), (vendors, ("potter",)), (tags, ("new", "old"))):
            for slug in slugs:
                await writer.execute(sa.insert(table).values(id=new_id(), slug=f"{mark}-{slug}", name=slug.title()))
    async with house.client(**headers) as client:
        yield Desk(house, client, database, mark)
    await database.close()


async def test_a_file_is_imported(desk: Desk) -> None:
    """Given good rows, then products and variants are made as they say, and shoppers see them."""
    m = desk.mark
    data = desk.file(
        desk.row("mug", "S", description='Two\nlines, "so"', vendor=f"{m}-potter", tags=f"{m}-new|{m}-old",
                 featured="TRUE", options="size=S|L", attributes="size=S", compare_at_usd="12.5", price_jpy="1500"),
        desk.row("mug", "L", name="", attributes="size=L", price_usd="14"),
        desk.row("=cmd|x".replace("=cmd|x", "tea"), "TEA", name="'=1+1", category=f"{m}-teas"),
        desk.row("bare"),
    )  # fmt: skip

    done = await desk.imported(data)

    assert {name: done[name] for name in ("status", "dry_run", "size", "done", "rows", "problems")} == {
        "status": "imported", "dry_run": False, "size": len(data), "done": len(data), "rows": 4, "problems": 0,
    }  # fmt: skip
    assert (done["products_created"], done["products_changed"]) == (3, 0)
    assert (done["variants_created"], done["variants_changed"]) == (3, 0)
    page = (await desk.http.get(f"/products/{m}-mug")).json()
    assert (page["name"], page["description"], page["featured"]) == ("Mug", 'Two\nlines, "so"', True)
    assert [(each["sku"], each["attributes"], each["price"]["amount"]) for each in page["variants"]] == [
        (f"{m}-S", {"size": "S"}, 1000), (f"{m}-L", {"size": "L"}, 1400),
    ]  # fmt: skip
    assert page["variants"][0]["compare_at_price"] == {"amount": 1250, "currency": "usd"}
    record = (await desk.http.get(f"/admin/products/{m}-mug")).json()
    assert (record["vendor"], record["tags"]) == (f"{m}-potter", [f"{m}-new", f"{m}-old"])
    assert (await desk.http.get(f"/admin/products/{m}-tea")).json()["name"] == "=1+1"
    listed = (await desk.http.get("/admin/products/imports", params={"limit": 1})).json()["items"]
    assert listed == [done]
    rows = await desk.database.fetch("SELECT action FROM audit_log WHERE subject = $1", done["id"])
    assert [row["action"] for row in rows] == ["product.import"]


async def test_what_was_exported_is_taken_back_unchanged(desk: Desk) -> None:
    """Given an export, when it is imported again, then not one row changes, and neither does the next export."""
    m = desk.mark
    await desk.imported(
        desk.file(
            desk.row("mug", "S", name="-1 'mug", description="@x\tz", options="size=S|L", attributes="size=S",
                     price_jpy="15", compare_at_usd="12.50", tags=f"{m}-old"),
            desk.row("mug", "L", name="", attributes="size=L"),
            desk.row("tea", "TEA", attributes=r"a\;b=c\|d\=e; f=+1"),
            desk.row("bare", name="Öl; \"gut\" 🍵"),
        )
    )  # fmt: skip
    before, exported = await desk.state(), await desk.exported()
    assert len(exported) == 4
    assert [row["name"] for row in exported] == ["'-1 'mug", "", "Tea", 'Öl; "gut" 🍵']
    assert [row["description"] for row in exported] == ["'@x\tz", "", "", ""]
    names = list(exported[0])
    data = csv_lines.BOM.decode() + csv_lines.line_of(names)
    data += "".join(csv_lines.line_of([row[name] for name in names]) for row in exported)
    done = await desk.imported(data.encode())
    assert (done["status"], done["rows"], done["problems"]) == ("imported", 4, 0), await desk.problems(done)
    assert (done["products_created"], done["products_changed"]) == (0, 0)
    assert (done["variants_created"], done["variants_changed"]) == (0, 0)
    assert await desk.state() == before
    assert await desk.exported() == exported


async def test_a_column_left_out_and_an_empty_cell(desk: Desk) -> None:
    """Given a product, when a file has few columns, then the others stay; an empty cell empties.

    A currency in which nothing is sold any more has no columns in an export; whether it is depends on other tests here.
    """
    m = desk.mark
    await desk.imported(desk.file(desk.row("mug", "S", price_jpy="1500", vendor=f"{m}-potter", description="Old")))
    done = await desk.imported(f"sku;product;price_usd\n{m}-S;{m}-mug;11.5\n".encode())
    assert (done["status"], done["products_changed"], done["variants_changed"]) == ("imported", 1, 1)
    (row,) = await desk.exported()
    assert (row["price_usd"], row["price_jpy"], row["vendor"], row["description"], row["weight"]) == (
        "11.50", "1500", f"{m}-potter", "Old", "300",
    )  # fmt: skip
    await desk.imported(f"product,name,vendor,sku,price_jpy\n{m}-mug,Jug,,{m}-S,\n".encode())
    (row,) = await desk.exported()
    assert (row["name"], row["price_usd"], row.get("price_jpy", ""), row["vendor"]) == ("Jug", "11.50", "", "")


async def test_every_bad_row_is_told_and_nothing_is_changed(desk: Desk) -> None:
    """Given bad rows of every kind among good ones, then each is told by line and column, dry run or not."""
    m = desk.mark
    await desk.imported(desk.file(desk.row("mug", "S", options="size=S|L", attributes="size=S"), desk.row("cup", "C")))
    async with desk.database.writing() as writer:
        await writer.exec_driver_sql("UPDATE products SET archived_at = now() WHERE slug = $1", (f"{m}-cup",))
        await writer.exec_driver_sql("UPDATE tags SET archived_at = now() WHERE slug = $1", (f"{m}-old",))
    before = await desk.state()
    data = desk.file(
        desk.row("tea", "TEA"), "half,a row\n", desk.row("pot", "S"), desk.row("can", "CAN", category="nowhere"),
        desk.row("jar", "JAR", tags=f"{m}-old|{m}-none", vendor="nobody"),
        desk.row("mug", "M", options="size=S|L", attributes="size=M"),
        desk.row("cup", "C2"), desk.row("jug", "TEA"), desk.row("tea", "TEA2"), desk.row("urn", name="", sku="U"),
        desk.row("box", "B", weight="", price_usd="1,5"),
    )  # fmt: skip
    expected = [
        (3, None, "2 cells, where the first line has 15"),
        (4, "sku", f"belongs to the product '{m}-mug', and a variant never moves"),
        (5, "category", "there is no 'nowhere'"), (6, "vendor", "there is no 'nobody'"),
        (6, "tags", f"there is no '{m}-none'"), (6, "tags", f"'{m}-old' is archived: restore it first"),
        (7, "attributes", f"The attributes of {m}-M are not one value of each option of the product."),
        (8, "product", "archived: restore it first"), (9, "sku", "is in line 2 already"),
        (10, "product", "its rows stand together, and the first are in line 2"),
        (11, "product", "there is no such product, and a new one has name and category"),
        (12, "weight", "expected whole grams"),
    ]  # fmt: skip
    for dry_run in (True, False):
        done = await desk.imported(data, dry_run=dry_run)
        assert (done["status"], done["dry_run"], done["products_created"]) == ("refused", dry_run, 0)
        assert sorted(await desk.problems(done), key=lambda each: each[0]) == sorted(expected, key=lambda each: each[0])
        assert await desk.state() == before
    checked = await desk.imported(desk.file(desk.row("tea", "TEA")), dry_run=True)
    assert (checked["status"], checked["rows"], checked["problems"]) == ("checked", 1, 0)
    assert await desk.state() == before


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"", 1, None), (b"\xef\xbb\xbf\n", 1, None), (b"product,unknown\n", 1, "unknown"), (b"\x00\x01\x02", 1, None),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), 1, None), (b"\xff\xfep\x00r\x00", 1, None), (b"name\nx\n", 1, "product"),
        (b'product\n"' + b"x" * 300_000, 2, None), (b"product,sku\n" + b"," * 300_000 + b"\n", 2, None),
        (b'"product', 1, None),
    ],
)  # fmt: skip
async def test_files_that_are_none(desk: Desk, data: bytes, line: int, column: str | None) -> None:
    """Given what is no catalogue, then the import says so by line, and stands still."""
    done = await desk.imported(data)
    assert (done["status"], done["products_created"]) == ("refused", 0)
    assert (await desk.problems(done))[0][:2] == (line, column)


async def test_the_same_file_sent_again(desk: Desk) -> None:
    """Given one key, then five senders at once begin one import; another file under it is refused."""
    data = desk.file(*(desk.row(f"p{number}", f"P{number}") for number in range(50)))
    answers = await asyncio.gather(*(desk.send(data, "again") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    (id,) = {answer.json()["id"] for answer in answers}
    done = await desk.over({"id": id})
    assert (done["status"], done["products_created"]) == ("imported", 50)
    later = await desk.send(data, "again")
    assert (later.status_code, later.json()) == (202, done)
    for other, dry_run in ((desk.file(desk.row("x")), False), (data, True)):
        refused = await desk.send(other, "again", dry_run)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    kept = await desk.database.fetch("SELECT count(*) FROM audit_log WHERE subject = $1", id)
    assert kept[0]["count"] == 1


async def test_who_is_refused(desk: Desk) -> None:
    """Given another kind of body, an import that is none, or a forged cursor, then each is said by its code."""
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = await desk.send(b"{}", kind=kind)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    nothing = f"/admin/products/imports/{uuid4()}"
    for path in (nothing, f"{nothing}/problems"):
        answer = await desk.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "import_not_found")
    known = await desk.imported(b"")
    forged = await desk.http.get(f"/admin/products/imports/{known['id']}/problems", params={"cursor": "A" * 43})
    assert (forged.status_code, forged.json()["code"]) == (400, "cursor_unknown")
