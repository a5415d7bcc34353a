"""Coupons on the cart: typed by people, refused with the reason, and worth what the quote will say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.database import Database
from models.ids import UserId
from models.tables.catalog import categories, products
from tests import people, shop
from tests.api.conftest import Api
from tests.coupons import change, coupon
from tests.premises import NEW_YORK

COUPON = "/api/v1/cart/coupon"
CART = "/api/v1/cart"
ITEMS = "/api/v1/cart/items"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)
TREE = "SELECT id FROM categories WHERE slug = $1"


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": currency}


@pytest.fixture(autouse=True)
async def offers(api: Api, database: Database) -> None:
    """Tea for 10.00 usd or 9.00 eur in a category below `drinks`, a cup for 4.50; a handful of coupons."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "TEA", 50, {"usd": 1000, "eur": 900})
        await shop.stock_product(writer, "CUP", 50, {"usd": 450})
        drinks = {"id": sa.func.uuidv7(), "slug": "drinks", "name": "Drinks"}
        root = (await writer.execute(sa.insert(categories).values(drinks).returning(categories.c.id))).scalar_one()
        hot = {"id": sa.func.uuidv7(), "slug": "hot", "name": "Hot", "parent_id": root}
        below = (await writer.execute(sa.insert(categories).values(hot).returning(categories.c.id))).scalar_one()
        await writer.execute(sa.update(products).where(products.c.slug == "tea").values(category_id=below))
        cup = (await writer.execute(sa.select(products.c.id).where(products.c.slug == "cup"))).scalar_one()
        await coupon(writer, "TEN")
        await coupon(writer, "FIVE", amounts={"usd": 500})
        await coupon(writer, "STACK-A", stackable=True)
        await coupon(writer, "STACK-B", stackable=True, amounts={"usd": 300, "eur": 200})
        await coupon(writer, "DRINKS", ppm=500_000, category_ids=[root])
        await coupon(writer, "CUPS", ppm=500_000, product_ids=[cup])
        await coupon(writer, "BIG", min_subtotals={"usd": 5000})


async def headers_of(api: Api, *skus: str) -> dict[str, str]:
    """Somebody with one of each in the cart."""
    return await api.shopper(*(skus or ("TEA", "CUP")))


async def put(api: Api, headers: dict[str, str], code: str, status: int = 200) -> dict[str, Any]:
    """The cart, or the refusal, after a coupon was typed."""
    answer = await api.post(COUPON, json={"code": code}, headers=headers)
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def rows(database: Database) -> list[tuple[Any, ...]]:
    """Which coupons are on which carts, and when the carts changed."""
    found = await database.fetch("SELECT cart_id, coupon_id, added_at FROM cart_coupons ORDER BY 1, 2")
    touched = await database.fetch("SELECT id, updated_at FROM carts ORDER BY 1")
    return [tuple(row) for row in (*found, *touched)]


@pytest.mark.parametrize("typed", ["TEN", "ten", "  Ten\n"])
async def test_a_coupon_is_put_on_and_taken_off(api: Api, database: Database, typed: str) -> None:
    """Given a code as people type it, then cart and quote agree; again nothing changes; taken off it is gone."""
    headers = await headers_of(api)

    cart = await put(api, headers, typed)

    assert cart["coupon"] == "TEN"
    assert cart["coupons"] == [{"code": "TEN", "description": "The coupon TEN", "discount": money(145)}]
    assert (cart["totals"]["subtotal"], cart["totals"]["discount"]) == (money(1450), money(145))
    assert (cart["totals"]["total"], cart["totals"]["due"]) == (money(1305), money(1305))
    assert cart["warnings"] == []
    assert (await api.get(CART, headers=headers)).json() == cart
    before = await rows(database)
    assert await put(api, headers, "TEN") == cart
    assert await rows(database) == before
    quoted = await api.post("/api/v1/checkout/quote", json={"shipping_address": NEW_YORK}, headers=headers)
    sums = quoted.json()["totals"]
    assert [sums[name]["amount"] for name in ("subtotal", "discount", "shipping", "tax", "total")] == [
        1450, 145, 500, 130 + 1, 1450 - 145 + 500 + 131,
    ]  # fmt: skip
    for _ in range(2):
        bare = await api.delete(COUPON, headers=headers)
        assert bare.status_code == 200
        assert (bare.json()["coupon"], bare.json()["coupons"], bare.json()["totals"]["total"]) == (
            None,
            [],
            money(1450),
        )


async def test_two_that_stack(api: Api, database: Database) -> None:
    """Given a percentage after a fixed amount, then it is taken first; one of them can be taken off by its code."""
    headers = await headers_of(api)
    await put(api, headers, "STACK-B")

    cart = await put(api, headers, "STACK-A")

    assert cart["coupon"] == "STACK-B"
    assert [(one["code"], one["discount"]["amount"]) for one in cart["coupons"]] == [("STACK-B", 300), ("STACK-A", 145)]
    assert cart["totals"]["total"] == money(1450 - 145 - 300)
    before = await rows(database)
    for nothing in ("NOBODY", "ten", "%00", ""):
        assert (await api.delete(f"{COUPON}?code={nothing}", headers=headers)).json() == cart
    assert await rows(database) == before
    left = (await api.delete(f"{COUPON}?code=stack-b", headers=headers)).json()
    assert ([one["code"] for one in left["coupons"]], left["totals"]["discount"]) == (["STACK-A"], money(145))


@pytest.mark.parametrize(("code", "discount"), [("DRINKS", 500), ("CUPS", 225)])
async def test_only_some_goods(api: Api, code: str, discount: int) -> None:
    """Given half off a product, or off a category two levels up, then the other item costs what it costs."""
    headers = await headers_of(api)
    assert (await put(api, headers, code))["totals"]["discount"] == money(discount)


async def test_the_wrong_goods(api: Api, database: Database) -> None:
    """Given a coupon for drinks and a cart of cups, then it is refused; with tea it counts; without it warns."""
    headers = await headers_of(api, "CUP")
    before = await rows(database)
    refused = await put(api, headers, "DRINKS", 409)
    assert (refused["code"], refused["facts"]) == ("coupon_not_for_these_goods", {"coupon": "DRINKS"})
    assert await rows(database) == before
    tea = await api.post(ITEMS, json={"sku": "TEA", "quantity": 2}, headers=headers)
    assert (await put(api, headers, "DRINKS"))["totals"]["total"] == money(450 + 1000)
    line = next(one["id"] for one in tea.json()["items"] if one["sku"] == "TEA")
    without = (await api.delete(f"{ITEMS}/{line}", headers=headers)).json()
    assert without["coupons"][0]["discount"] == money(0)
    assert without["warnings"] == [
        {"code": "coupon_not_applied", "sku": None, "detail": "DRINKS is for none of the goods in this cart.",
         "facts": {"reason": "coupon_not_for_these_goods", "coupon": "DRINKS"}},
    ]  # fmt: skip
    assert without["totals"]["total"] == money(450)


STATES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("coupon_expired", {"ends_at": YESTERDAY}, {"ended_at": YESTERDAY}),
    ("coupon_expired", {"archived_at": YESTERDAY}, {"ended_at": None}),
    ("coupon_not_started", {"starts_at": TOMORROW}, {"starts_at": TOMORROW}),
    ("coupon_used_up", {"max_redemptions": 2, "redeemed": 2}, {}),
    ("coupon_minimum_not_met", {"min_subtotals": {"usd": 1451}}, {"minimum": money(1451), "missing": money(1)}),
]


@pytest.mark.parametrize(("code", "terms", "facts"), STATES)
async def test_every_reason_refuses_and_later_warns(
    api: Api, database: Database, code: str, terms: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Given terms that are not met, then 409 and nothing moved; met when typed and not later, then a warning."""
    headers = await headers_of(api)
    async with database.writing() as writer:
        await coupon(writer, "NOT-YET", **terms)
    before = await rows(database)
    expected = {"coupon": "NOT-YET", **{
        name: fact.isoformat().replace("+00:00", "Z") if isinstance(fact, datetime) else fact
        for name, fact in facts.items()
    }}  # fmt: skip

    refused = await api.post(COUPON, json={"code": "not-yet"}, headers={**headers, "Idempotency-Key": "k"})

    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["facts"]) == (code, expected)
    assert await rows(database) == before
    usual: dict[str, Any] = {
        "ends_at": None, "archived_at": None, "starts_at": YESTERDAY, "max_redemptions": None, "min_subtotals": {}
    }  # fmt: skip
    await change(database, "NOT-YET", **{**usual, "redeemed": 0})
    counted = await api.post(COUPON, json={"code": "not-yet"}, headers={**headers, "Idempotency-Key": "k"})
    assert counted.json()["totals"]["discount"] == money(145)
    await change(database, "NOT-YET", **terms)
    later = (await api.get(CART, headers=headers)).json()
    assert later["totals"]["total"] == money(1450)
    assert (later["coupon"], later["coupons"][0]["discount"]) == ("NOT-YET", money(0))
    assert later["warnings"] == [
        {"code": "coupon_not_applied", "sku": None, "detail": refused.json()["detail"],
         "facts": {"reason": code, **expected}},
    ]  # fmt: skip
    again = await api.post(COUPON, json={"code": "NOT-YET"}, headers=headers)
    assert (again.status_code, again.json()) == (200, later)


@pytest.mark.parametrize(
    "code", ["NOTHING", "10%", " ", "x", "' OR 1=1; --", "💥", "T\u0000EN", "A" * 100, "TEN\u202e"]
)
async def test_what_is_no_coupon(api: Api, database: Database, code: str) -> None:
    """Given a code that nobody gave out, then 422 says so, for a full cart and for none."""
    for headers in (await headers_of(api), {}):
        before = await rows(database)
        refused = await put(api, headers, code, 422)
        assert refused["code"] == "coupon_unknown"
        assert await rows(database) == before


@pytest.mark.parametrize(
    "body", [{}, {"code": ""}, {"code": 10}, {"code": None}, {"code": "A" * 101}, {"code": "TEN", "x": 1}, []]
)
async def test_what_is_no_request(api: Api, body: object) -> None:
    """Given a body that the operation does not take, then 422 `invalid`."""
    refused = await api.post(COUPON, json=body, headers=await headers_of(api))
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


async def test_an_empty_cart_takes_no_coupon(api: Api, database: Database) -> None:
    """Given a known code and nothing to buy, then 409, and no cart is opened for it."""
    assert (await put(api, {}, "TEN", 409))["code"] == "cart_empty"
    assert await rows(database) == []
    headers = await headers_of(api, "TEA")
    await put(api, headers, "TEN")
    cleared = (await api.delete(CART, headers=headers)).json()
    assert (cleared["coupon"], cleared["coupons"], cleared["warnings"]) == (None, [], [])


async def test_currencies(api: Api) -> None:
    """Given a cart in euros, then an amount in dollars is refused, one in euros is taken, a percentage always."""
    cart = (await api.post(ITEMS, json={"sku": "TEA", "quantity": 1, "currency": "eur"})).json()
    headers = {"Cart-Token": cart["cart_token"]}
    refused = await put(api, headers, "FIVE", 409)
    assert (refused["code"], refused["facts"]) == (
        "coupon_not_in_currency", {"coupon": "FIVE", "currency": "eur", "currencies": ["usd"]},
    )  # fmt: skip
    assert (await put(api, headers, "STACK-B"))["totals"]["discount"] == money(200, "eur")
    assert (await put(api, headers, "STACK-A"))["totals"]["discount"] == money(290, "eur")
    await api.delete(COUPON, headers=headers)
    assert (await put(api, headers, "BIG"))["totals"]["discount"] == money(90, "eur")  # a minimum in dollars only


@pytest.mark.parametrize(("first", "second"), [("TEN", "FIVE"), ("TEN", "STACK-A"), ("STACK-A", "TEN")])
async def test_what_does_not_stack(api: Api, database: Database, first: str, second: str) -> None:
    """Given a coupon on the cart, and one of the two does not stack, then the second is refused."""
    headers = await headers_of(api)
    cart = await put(api, headers, first)
    before = await rows(database)

    refused = await put(api, headers, second, 409)

    assert (refused["code"], refused["facts"]) == ("coupon_not_combinable", {"coupon": second, "others": [first]})
    assert await rows(database) == before
    assert (await api.get(CART, headers=headers)).json() == cart


async def test_ten_coupons_and_no_more(api: Api, database: Database) -> None:
    """Given ten coupons on a cart, then an eleventh is refused."""
    headers = await headers_of(api)
    async with database.writing() as writer:
        for number in range(11):
            await coupon(writer, f"MANY-{number}", stackable=True, ppm=10_000)
    for number in range(10):
        await put(api, headers, f"MANY-{number}")
    refused = await put(api, headers, "MANY-10", 422)
    assert (refused["code"], refused["facts"]) == ("cart_full", {"most": 10})
    assert len((await api.get(CART, headers=headers)).json()["coupons"]) == 10


async def test_same_key_same_answer(api: Api) -> None:
    """Given a key, then it answers the same although the cart has changed since, and refuses another body."""
    headers = {**await headers_of(api), "Idempotency-Key": "k"}
    first = await put(api, headers, "TEN")
    await api.delete(COUPON, headers=headers)
    assert await put(api, headers, "TEN") == first
    assert (await api.get(CART, headers=headers)).json()["coupons"] == []
    assert (await put(api, headers, "STACK-A", 422))["code"] == "idempotency_key_reused"


async def test_nobody_reaches_another_s_cart(api: Api) -> None:
    """Given two carts, then a coupon on one is on that one alone."""
    mine, yours = await headers_of(api), await headers_of(api)
    cart = await put(api, mine, "TEN")
    await api.delete(COUPON, headers=yours)
    await api.delete(f"{COUPON}?code=TEN")
    assert (await api.get(CART, headers=mine)).json() == cart
    assert (await api.get(CART, headers=yours)).json()["coupons"] == []


async def test_who_is_signed_in_is_known_before_the_checkout(api: Api, database: Database) -> None:
    """Given earlier orders by account or e-mail, then a signed-in buyer is told at once; a guest is not known yet."""
    async with database.writing() as writer:
        await coupon(writer, "WELCOME", first_order_only=True)
        once = await coupon(writer, "ONCE", max_per_buyer=1)
        new_user = await people.account(writer, email="New@Example.com")
        known_user = await people.account(writer, email="Known@Example.com")
        await _redeemed(writer, once, None, "known@example.com", "held")
        await _redeemed(writer, once, new_user, None, "released")
    for user, codes in ((new_user, ["WELCOME", "ONCE"]), (known_user, ["WELCOME"])):
        headers = await api.sign_in(user=user)
        await api.post(ITEMS, json={"sku": "TEA", "quantity": 1}, headers=headers)
        for code in ("WELCOME", "ONCE"):
            answer = await api.post(COUPON, json={"code": code}, headers=headers)
            if code in codes:
                assert answer.json()["totals"]["discount"] == money(100)
                await api.delete(COUPON, headers=headers)
            else:
                assert (answer.status_code, answer.json()["code"]) == (409, "coupon_used_by_you")
                assert answer.json()["facts"] == {"coupon": "ONCE", "most": 1}
    guest = await headers_of(api)
    assert (await put(api, guest, "ONCE"))["totals"]["discount"] == money(145)


async def _redeemed(writer: Any, coupon: Any, user: UserId | None, email: str | None, status: str) -> None:
    await writer.execute(
        sa.text(
            "INSERT INTO coupon_redemptions (order_id, coupon_id, status, user_id, email, amount, currency)"
            " VALUES (uuidv7(), :coupon, :status, :user, :email, 100, 'usd')"
        ),
        {"coupon": coupon, "status": status, "user": user, "email": email},
    )
