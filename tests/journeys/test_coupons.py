"""Buying with a coupon: what is shown is what is frozen, charged, written and, when nobody pays, given back."""

from models.ids import new_id
from tests.books import Books
from tests.coupons import change, coupon, redeemed
from tests.premises import House, Shopper


async def offer(books: Books, **terms: object) -> str:
    """A coupon of this test alone; its code."""
    code = f"T-{new_id().hex[-10:].upper()}"
    async with books.database.writing() as writer:
        await coupon(writer, code, **terms)
    return code


async def test_cart_quote_order_and_letter_say_the_same(house: House, shopper: Shopper, books: Books) -> None:
    """Given 25 % off two of 10.00, then each says 5.00, the card pays the rest, and the next cart has no coupon."""
    sku, code = await house.stock(5), await offer(books, ppm=250_000)
    await shopper.put(sku, 2)
    cart = await shopper.add_coupon(code.lower())
    total = await shopper.quote()

    answer = await shopper.check_out(shopper.order_form(total))

    assert (cart["totals"]["discount"]["amount"], total["amount"]) == (500, 1500 + 500 + 150)
    assert answer.status_code == 201, answer.text
    placed = answer.json()["order"]
    order = await shopper.order_when(placed, "confirmed")
    assert order["coupons"] == [{"code": code, "discount": {"amount": 500, "currency": "usd"}}]
    assert [order["totals"][name]["amount"] for name in ("subtotal", "discount", "tax", "total")] == [
        2000, 500, 150, 2150,
    ]  # fmt: skip
    [item] = order["items"]
    assert (item["line_total"]["amount"], item["discount"]["amount"]) == (2000, 500)
    assert [intent["captured"] for intent in await books.intents(order["number"])] == [2150]
    assert await books.agree([order["number"]]) == {order["number"]: "confirmed"}
    [letter] = await house.letters_when(placed["number"], 1)
    assert f"Discount ({code})   -$5.00" in letter["text"]
    assert (await shopper.cart())["coupons"] == []
    await change(books.database, code, ppm=1)
    assert await shopper.order(placed) == order


async def test_a_cancelled_order_gives_its_coupon_back(house: House, shopper: Shopper, books: Books) -> None:
    """Given the only use of a coupon and a declined card, when it is cancelled, then the cart can use it again."""
    sku, code = await house.stock(5), await offer(books, max_redemptions=1)
    await shopper.put(sku)
    await shopper.add_coupon(code)
    form = shopper.order_form(await shopper.quote(), "pm_card_chargeDeclined")
    declined = await shopper.check_out(form)
    assert (declined.status_code, await redeemed(books.database, code)) == (402, 1)
    placed = declined.json()["facts"]["order"]
    assert [one["code"] for one in (await shopper.order(placed))["coupons"]] == [code]

    cancelled = await shopper.cancel(placed)

    assert cancelled.status_code in (200, 202), cancelled.text
    await shopper.order_when(placed, "cancelled")
    assert await redeemed(books.database, code) == 0
    again = await shopper.check_out(shopper.order_form(await shopper.quote()))
    assert again.status_code == 201, again.text
    assert (await shopper.order_when(again.json()["order"], "confirmed"))["totals"]["discount"]["amount"] == 100
    assert await redeemed(books.database, code) == 1


async def test_a_coupon_that_ended_meanwhile_refuses_and_lets_go_on_without(
    house: House, shopper: Shopper, books: Books
) -> None:
    """Given a quote, when the coupon is used up, then 409 with the new total; with that the order is placed."""
    sku, code = await house.stock(5), await offer(books)
    await shopper.put(sku)
    await shopper.add_coupon(code)
    form = shopper.order_form(await shopper.quote())
    await change(books.database, code, max_redemptions=0)

    refused = await shopper.check_out(form)

    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_used_up")
    assert await books.stock(sku) == (5, 0)
    assert await books.orders_of(sku) == []
    shown = refused.json()["facts"]["total"]
    assert shown == await shopper.quote() == {"amount": 1600, "currency": "usd"}
    placed = await shopper.check_out({**form, "expected_total": shown})
    assert placed.status_code == 201, placed.text
    assert (await shopper.order_when(placed.json()["order"], "confirmed"))["coupons"] == []
