"""Pictures as staff keep them: sent in, put in order, tied to variants, taken away, each step written down."""

import asyncio
import gc
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from models.database import Database
from models.gallery import MOST_IMAGES
from models.picture import LARGEST_FILE
from models.roles import Role
from models.tables.catalog import products, variants
from tests import pictures, shop
from tests.api.conftest import Api

IMAGES = "/api/v1/admin/products/mug/images"


@pytest.fixture
async def staff(api: Api, database: Database) -> dict[str, str]:
    """The headers of who keeps the shelf, on which are a mug and tea."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
        await shop.stock_product(writer, "TEA", 5)
    return await api.sign_in(Role.CATALOG)


async def send(api: Api, staff: dict[str, str], data: bytes, key: str | None = None, **fields: str) -> httpx.Response:
    """Send a picture in."""
    headers = {**staff, **({"Idempotency-Key": key} if key else {})}
    return await api.post(IMAGES, files={"file": ("x.exe", data, "text/html")}, data=fields, headers=headers)


async def sent(api: Api, staff: dict[str, str], size: int, **fields: str) -> dict[str, Any]:
    """A picture that is taken."""
    answer = await send(api, staff, pictures.picture(size=(size, size)), **fields)
    assert answer.status_code == 201, answer.text
    image: dict[str, Any] = answer.json()
    return image


async def state(database: Database) -> list[Any]:
    """What the rows of products and variants, and the log, say."""
    rows = await database.fetch(
        "SELECT images::text FROM products UNION ALL SELECT images::text FROM variants UNION ALL "
        "SELECT a::text FROM audit_log a ORDER BY 1"
    )
    return [row[0] for row in rows]


async def log(database: Database) -> list[tuple[Any, ...]]:
    """(action, subject, before, after, reason), oldest first."""
    rows = await database.fetch("SELECT action, subject, before, after, reason FROM audit_log ORDER BY at")
    return [
        (row["action"], row["subject"], *(msgspec.json.decode(row[name] or "null") for name in ("before", "after")),
         row["reason"])
        for row in rows
    ]  # fmt: skip


async def test_a_picture_is_taken_in(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a picture, then it is there in its sizes, served for ever, on the product's page, and written down."""
    answer = await send(api, staff, pictures.picture("JPEG", (1000, 500)), alt="A mug, sand 🍵")

    assert answer.status_code == 201, answer.text
    image = answer.json()
    assert (image["position"], image["alt"], image["variants"]) == (0, "A mug, sand 🍵", [])
    assert [(size["width"], size["height"]) for size in image["sizes"]] == [(240, 120), (480, 240), (1000, 500)]
    assert (image["width"], image["height"], image["url"]) == (1000, 500, image["sizes"][-1]["url"])
    for size in image["sizes"]:
        served = await api.get(size["url"])
        assert (served.status_code, served.headers["content-type"]) == (200, "image/webp")
        assert served.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert served.headers["content-length"] == str(len(served.content))
        assert served.headers["x-content-type-options"] == "nosniff"
        shown = pictures.opened(served.content)
        assert (shown.format, shown.size) == ("WEBP", (size["width"], size["height"]))
    page = await api.get("/api/v1/products/mug", headers={"Cache-Control": "no-cache"})
    assert [(each["url"], each["alt"]) for each in page.json()["images"]] == [(image["url"], image["alt"])]
    listed = await api.get(IMAGES, headers=staff)
    assert listed.json() == {"items": [image], "next_cursor": None, "total": 1}
    after = {"id": image["id"], "url": image["url"], "alt": image["alt"]}
    assert await log(database) == [("image.create", "mug", None, after, None)]


async def test_the_same_picture_sent_again(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given one key, then five senders at once get one picture; another key is told that it is there already."""
    data = pictures.picture()
    answers = await asyncio.gather(*(send(api, staff, data, "k") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    before = await state(database)
    other = await send(api, staff, pictures.picture(size=(50, 50)), "k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await send(api, staff, data)
    assert (again.status_code, again.json()["code"]) == (409, "image_exists")
    assert again.json()["facts"] == {"url": answers[0].json()["url"]}
    assert await state(database) == before


async def test_many_at_once(api: Api, staff: dict[str, str]) -> None:
    """Given pictures from several desks at once, then all are there, each in a place of its own."""
    sizes = range(10, 16)
    images = await asyncio.gather(*(sent(api, staff, size) for size in sizes))
    assert sorted(image["position"] for image in images) == list(range(6))
    listed = (await api.get(IMAGES, headers=staff)).json()["items"]
    assert {image["width"] for image in listed} == set(sizes)


async def test_their_order(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given three pictures, then any can be moved, the first is the one that lists show, past the end is the end."""
    first, second, third = [await sent(api, staff, size) for size in (10, 20, 30)]

    async def order() -> list[int]:
        return [image["width"] for image in (await api.get(IMAGES, headers=staff)).json()["items"]]

    assert await order() == [10, 20, 30]
    moved = await api.patch(f"{IMAGES}/{third['id']}", json={"position": 0, "reason": "nicer"}, headers=staff)
    assert (moved.status_code, moved.json()) == (200, {**third, "position": 0})
    assert await order() == [30, 10, 20]
    assert (await log(database))[-1] == (
        "image.change", f"mug/{third['id']}", {"position": 2}, {"position": 0}, "nicer"
    )  # fmt: skip
    card = (await api.get("/api/v1/products", headers={"Cache-Control": "no-cache"})).json()["items"]
    assert [each["image"]["url"] for each in card if each["slug"] == "mug"] == [third["url"]]
    await api.patch(f"{IMAGES}/{third['id']}", json={"position": 30}, headers=staff)
    assert await order() == [10, 20, 30]
    await api.patch(f"{IMAGES}/{first['id']}", json={"position": 1}, headers=staff)
    assert await order() == [20, 10, 30]
    entries = len(await log(database))
    same = await api.patch(f"{IMAGES}/{second['id']}", json={"position": 0}, headers=staff)
    assert (same.status_code, len(await log(database))) == (200, entries)
    assert (await sent(api, staff, 40, primary="true"))["position"] == 0
    assert await order() == [40, 20, 10, 30]


async def test_which_variants_it_shows(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a picture, when it shows variants, then they name it until it shows others or is taken away."""
    async with database.writing() as writer:
        product = (await writer.execute(sa.select(products.c.id).where(products.c.slug == "mug"))).scalar_one()
        await writer.execute(sa.insert(variants).values(id=uuid4(), product_id=product, sku="MUG-2", weight=1))
    one, two = await sent(api, staff, 10), await sent(api, staff, 20)

    async def shown() -> dict[str, list[str]]:
        rows = await database.fetch("SELECT sku, images::text AS images FROM variants")
        return {row["sku"]: msgspec.json.decode(row["images"]) for row in rows}

    async def show(image: dict[str, Any], *skus: str) -> httpx.Response:
        return await api.patch(f"{IMAGES}/{image['id']}", json={"variants": skus}, headers=staff)

    assert (await show(one, "MUG", "MUG-2")).json()["variants"] == ["MUG", "MUG-2"]
    assert (await show(two, "MUG-2")).json()["variants"] == ["MUG-2"]
    assert await shown() == {"MUG": [one["id"]], "MUG-2": [one["id"], two["id"]], "TEA": []}
    before = await state(database)
    refused = await show(one, "MUG", "TEA", "NOTHING")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_sku")
    assert refused.json()["facts"] == {"skus": ["NOTHING", "TEA"]}
    assert await state(database) == before
    assert (await show(one, "MUG")).json()["variants"] == ["MUG"]
    assert (await api.delete(f"{IMAGES}/{two['id']}", headers=staff)).status_code == 204
    assert await shown() == {"MUG": [one["id"]], "MUG-2": [], "TEA": []}


async def test_taken_away(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a picture, when it is taken away, then no page has it; its file stays for pages that are open still."""
    image, other = await sent(api, staff, 10), await sent(api, staff, 20)
    gone = await api.delete(f"{IMAGES}/{image['id']}", params={"reason": "blurred"}, headers=staff)
    assert (gone.status_code, gone.content) == (204, b"")
    assert [each["id"] for each in (await api.get(IMAGES, headers=staff)).json()["items"]] == [other["id"]]
    before = {"id": image["id"], "url": image["url"], "alt": ""}
    assert (await log(database))[-1] == ("image.remove", "mug", before, None, "blurred")
    assert (await api.get(image["url"])).status_code == 200
    again = await api.delete(f"{IMAGES}/{image['id']}", headers=staff)
    assert (again.status_code, again.json()["code"]) == (404, "image_not_found")


async def test_pictures_that_came_with_the_first_goods(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given a row from before pictures had ids, then each has one that stays, and can be changed by it."""
    old = [{"url": "/media/products/mug.svg", "alt": "Mug"}, {"url": "/media/products/cup.svg", "alt": "Cup"}]
    async with database.writing() as writer:
        await writer.execute(sa.update(products).where(products.c.slug == "mug").values(images=old))
    first, second = (await api.get(IMAGES, headers=staff)).json()["items"]
    assert (first["url"], first["width"], first["sizes"]) == ("/media/products/mug.svg", None, [])
    changed = await api.patch(f"{IMAGES}/{second['id']}", json={"alt": "A cup", "position": 0}, headers=staff)
    assert changed.json() == {**second, "alt": "A cup", "position": 0}
    kept = (await api.get(IMAGES, headers=staff)).json()["items"]
    assert kept == [changed.json(), {**first, "position": 1}]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "unknown_kind"), (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "unknown_kind"),
        (b"GIF89a<html>", "broken"), (pictures.picture("JPEG", (500, 500))[:2000], "broken"),
        (pictures.bomb(100_000, 10), "too_large"), (pictures.bomb(12_000, 12_000), "too_large"),
    ],
)  # fmt: skip
async def test_what_is_no_picture(
    api: Api, staff: dict[str, str], database: Database, data: bytes, reason: str
) -> None:
    """Given what cannot be shown, then 422 says why, and nothing is kept."""
    before = await state(database)
    refused = await send(api, staff, data)
    assert (refused.status_code, refused.json()["code"]) == (422, "image_unacceptable")
    assert refused.json()["facts"] == {"reason": reason}
    assert await state(database) == before
    assert list(api.app.state.house.settings.media_dir.rglob("*.webp")) == []


async def test_too_many_bytes(api: Api, staff: dict[str, str]) -> None:
    """Given a file that is too large by a byte or by much, then it is refused; one just small enough is read."""
    one_more = await send(api, staff, bytes(LARGEST_FILE + 1))
    assert (one_more.status_code, one_more.json()["facts"]) == (422, {"reason": "too_large"})
    much_more = await send(api, staff, bytes(LARGEST_FILE + 100_000))
    assert (much_more.status_code, much_more.json()["code"]) == (413, "body_too_large")
    fits = await send(api, staff, (data := pictures.picture()) + bytes(LARGEST_FILE - len(data)))
    assert fits.status_code == 201


async def test_a_full_gallery(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given as many pictures as a product may have, then one more is refused."""
    async with database.writing() as writer:
        many = [{"url": f"/media/{number}.svg"} for number in range(MOST_IMAGES)]
        await writer.execute(sa.update(products).where(products.c.slug == "mug").values(images=many))
    refused = await send(api, staff, pictures.picture())
    assert (refused.status_code, refused.json()["code"]) == (422, "images_full")
    assert refused.json()["facts"] == {"most": MOST_IMAGES}
    assert len((await api.get(IMAGES, headers=staff)).json()["items"]) == MOST_IMAGES


BOUNDARY = "multipart/form-data; boundary=x"


def part(name: str, data: bytes, more: bytes = b"") -> bytes:
    """One field of a form, written by hand."""
    return b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + more + b"\r\n\r\n" + data + b"\r\n"


FILE = part("file", pictures.picture(), b'; filename="x"')


# The framework leaves the spool of a form that it cannot read to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unsupported_media_type"), ("image/png", b"x", 415, "unsupported_media_type"),
        ("", b"x", 415, "unsupported_media_type"), ("multipart/form-data", FILE + b"--x--", 400, "malformed"),
        ("multipart/form-data; boundary=", FILE, 400, "malformed"),
        ("multipart/form-data; boundary=\xe4", FILE, 400, "malformed"),
        (BOUNDARY, b"", 422, "invalid"), (BOUNDARY, b"nonsense", 400, "malformed"),
        (BOUNDARY, FILE[:90], 400, "malformed"),
        (BOUNDARY, FILE + b"--x--", 201, ""), (BOUNDARY, FILE + FILE + b"--x--", 422, "invalid"),
        (BOUNDARY, part("file", b"no file") + b"--x--", 422, "invalid"),
        (BOUNDARY, FILE + part("extra", b"1") + b"--x--", 422, "invalid"),
        (BOUNDARY, FILE + part("alt", b"\xff\xfe") + b"--x--", 400, "malformed"),
        (BOUNDARY, FILE + part("alt", b"a\x00b") + b"--x--", 422, "invalid"),
        (BOUNDARY, FILE + part("alt", b"a" * 201) + b"--x--", 422, "invalid"),
        (BOUNDARY, FILE + part("primary", b"yes") + b"--x--", 422, "invalid"),
        (BOUNDARY, FILE + part("alt", b"x", b"\r\nContent-Type: text/plain; charset=tlh") + b"--x--", 400, "malformed"),
        (BOUNDARY, b"".join(part(f"f{number}", b"") for number in range(2000)) + b"--x--", 400, "malformed"),
    ],
)  # fmt: skip
async def test_forms_that_are_none(
    api: Api, staff: dict[str, str], database: Database, kind: str, body: bytes, status: int, code: str
) -> None:
    """Given a body that is no form with one file, then it is a clear refusal and nothing is kept."""
    before = await state(database)
    headers: Any = {**staff, "Content-Type": kind.encode("latin-1")}
    answer = await api.post(IMAGES, content=body, headers=headers)
    assert (answer.status_code, answer.json().get("code", "")) == (status, code), answer.text
    assert (await state(database) == before) is (status != 201)
    del answer
    gc.collect()  # while the warning is still ignored


@pytest.mark.parametrize(
    "wish",
    [{"alt": "a\x00b"}, {"alt": "a" * 201}, {"alt": None}, {"position": -1}, {"position": 10**30}, {"position": "1"},
     {"variants": None}, {"variants": "MUG"}, {"variants": [1]}, {"url": "/x"}, {"reason": ""}],
)  # fmt: skip
async def test_changes_that_make_no_sense(
    api: Api, staff: dict[str, str], database: Database, wish: dict[str, Any]
) -> None:
    """Given a picture, when it shall be what no picture can be, then it stays as it is."""
    image = await sent(api, staff, 10)
    before = await state(database)
    refused = await api.patch(f"{IMAGES}/{image['id']}", json=wish, headers=staff)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert await state(database) == before


async def test_where_nothing_is(api: Api, staff: dict[str, str], database: Database) -> None:
    """Given no such product, no such picture, or an archived product, then each is said by its code."""
    image = await sent(api, staff, 10)
    nowhere = IMAGES.replace("mug", "nothing")
    for path, code in ((nowhere, "product_not_found"), (IMAGES.replace("mug", "tea"), "image_not_found")):
        for answer in (
            await api.patch(f"{path}/{image['id']}", json={"alt": "x"}, headers=staff),
            await api.delete(f"{path}/{image['id']}", headers=staff),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert (await api.get(nowhere, headers=staff)).json()["code"] == "product_not_found"
    posted = await api.post(nowhere, files={"file": ("x", pictures.picture())}, headers=staff)
    assert (posted.status_code, posted.json()["code"]) == (404, "product_not_found")
    async with database.writing() as writer:
        await writer.execute(sa.update(products).values(archived_at=sa.func.now()))
    before = await state(database)
    for answer in (
        await send(api, staff, pictures.picture()),
        await api.patch(f"{IMAGES}/{image['id']}", json={"alt": "x"}, headers=staff),
        await api.delete(f"{IMAGES}/{image['id']}", headers=staff),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "archived")
    assert (await api.get(IMAGES, headers=staff)).json()["total"] == 1
    assert await state(database) == before
