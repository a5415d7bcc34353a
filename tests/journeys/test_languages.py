"""Letters and notifications in the buyer's language, from the browser or the account, through the running house."""

from uuid import uuid4

from tests.premises import House, Shopper


async def test_a_guest_is_written_to_as_their_browser_asks(house: House, shopper: Shopper) -> None:
    """Given a browser that prefers French, when its guest buys, then the confirmation is in French, text and HTML."""
    shopper.http.headers["Accept-Language"] = "ja, fr-CH;q=0.9, en;q=0.8"
    placed = (await shopper.buy(await house.stock(5), 3)).json()["order"]
    shopper.http.headers["Accept-Language"] = "de"  # what they read later changes no letter of this order

    [letter] = await house.letters_when(placed["number"], 1)
    assert letter["subject"] == f"Votre commande {placed['number']} est confirmée"
    for body in (letter["text"], letter["html"]):
        assert "Bonjour Ada Lovelace," in body and "38,00\xa0$US" in body and "États-Unis" in body
    assert '<html lang="fr" dir="ltr">' in letter["html"]

    assert (await shopper.cancel(placed)).status_code == 200
    subjects = [each["subject"] for each in await house.letters_when(placed["number"], 2)]
    assert f"La commande {placed['number']} a été annulée" in subjects
    await shopper.until_paid_back(placed, "refunded")


async def test_an_account_s_language_goes_before_the_browser_s(house: House, shopper: Shopper) -> None:
    """Given an account in Amharic and a browser in German, when its owner buys, then mail and bell are in Amharic."""
    email = f"abebe-{uuid4().hex[:12]}@example.com"
    shopper.http.headers["Accept-Language"] = "de"
    body = {"email": email, "password": "seven purple elephants in a boat", "locale": "am-et"}
    opened = await shopper.http.post("/auth/register", json=body)
    assert opened.status_code == 201, opened.text
    shopper.http.headers["Authorization"] = f"Bearer {opened.json()['access_token']}"

    placed = (await shopper.buy(await house.stock(5))).json()["order"]
    await shopper.order_when(placed, "confirmed")

    [letter] = await house.letters_when(placed["number"], 1)
    assert letter["subject"] == f"ትዕዛዝዎ {placed['number']} ተረጋግጧል"
    assert "ውድ Ada Lovelace፣" in letter["text"]
    [told] = (await shopper.http.get("/notifications")).json()["items"]
    assert (told["title"], told["text"]) == (
        "ትዕዛዝ ተረጋግጧል", f"የUS$16.00 ትዕዛዝዎ {placed['number']} ተረጋግጧል። እናመሰግናለን!",
    )  # fmt: skip
    await house.letter_when(email, "መለያዎ ተከፍቷል")
