"""Letters to accounts through the running house: codes that work, reminders that stop, a mail server that is away."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from models.database import Database
from tests.premises import House

CODE = "Your code for a new password"
REMINDER = "You left something in your cart"
OLD, NEW = "correct horse battery staple", "seven purple elephants in a boat"
FORGOTTEN = {"detail": "If there is an account with this address, a code is on its way."}


class Ada:
    """Somebody who opens an account, and reads her mail."""

    def __init__(self, house: House, http: httpx.AsyncClient, database: Database) -> None:
        self.house = house
        self.http = http
        self.database = database
        self.email = f"ada-{uuid4().hex[:12]}@example.com"
        self.tokens: dict[str, Any] = {}

    @property
    def signed_in(self) -> dict[str, str]:
        """Her headers."""
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def register(self, **more: Any) -> None:
        """Open the account."""
        answer = await self.http.post("/auth/register", json={"email": self.email, "password": OLD, **more})
        assert answer.status_code == 201, answer.text
        self.tokens = answer.json()

    async def forgets(self, email: str | None = None, key: str | None = None) -> httpx.Response:
        """Ask for a code."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post("/auth/password/forgot", json={"email": email or self.email}, headers=headers)

    async def code(self, within: float = 30) -> str:
        """The code in her mail, when it is there."""
        letter = await self.house.letter_when(self.email, CODE, within)
        [digits] = re.findall(r"^ +([0-9]{6})\s*$", letter["text"], re.MULTILINE)
        return str(digits)

    async def verify(self, code: str) -> httpx.Response:
        """Send a code."""
        return await self.http.post("/auth/password/verify-otp", json={"email": self.email, "code": code})

    async def takes(self, token: str, password: str = NEW) -> httpx.Response:
        """Send a new password."""
        return await self.http.post("/auth/password/reset", json={"reset_token": token, "password": password})

    async def opens(self, password: str) -> bool:
        """Whether this is her password."""
        answer = await self.http.post("/auth/login", json={"email": self.email, "password": password})
        return answer.status_code == 200

    async def leaves(self, sku: str) -> None:
        """Put something into the cart, and go."""
        answer = await self.http.post("/cart/items", json={"sku": sku, "quantity": 1}, headers=self.signed_in)
        assert answer.status_code == 201, answer.text

    async def subjects(self) -> list[str]:
        """What she was written about."""
        return sorted(letter["subject"] for letter in await self.house.letters_to(self.email))

    async def outbox(self, condition: str, count: int, within: float = 60) -> list[Any]:
        """Her letters that are like this, as soon as there are so many."""
        sql = f"SELECT x.* FROM outbox x JOIN users u ON u.id = x.user_id WHERE u.email = $1 AND {condition}"
        with anyio.fail_after(within):
            while len(rows := await self.database.fetch(sql, self.email)) != count:
                await anyio.sleep(0.1)
        return rows


@pytest.fixture
async def ada(house: House) -> AsyncIterator[Ada]:
    """She has no account yet; the mail server is in a good mood, and is so again afterwards."""
    await house.mail_server("ok")
    database = house.database()
    async with house.client() as http:
        yield Ada(house, http, database)
    await house.mail_server("ok")
    await database.close()


async def test_a_forgotten_password(ada: Ada) -> None:
    """Registered, forgotten, code read, new password set: the old one and every session are over, letters say so."""
    await ada.register()
    asked = await ada.forgets()
    assert (asked.status_code, asked.json()) == (202, FORGOTTEN)

    verified = await ada.verify(await ada.code())
    assert verified.status_code == 200, verified.text
    done = await ada.takes(verified.json()["reset_token"])

    assert done.status_code == 200, done.text
    assert (await ada.http.get("/auth/me", headers=ada.signed_in)).status_code == 401
    refreshed = await ada.http.post("/auth/token/refresh", json={"refresh_token": ada.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert [await ada.opens(OLD), await ada.opens(NEW)] == [False, True]
    await ada.house.letter_when(ada.email, "Your password was changed")
    assert await ada.subjects() == ["Your account is open", CODE, "Your password was changed"]
    assert (await ada.takes(verified.json()["reset_token"], OLD)).json()["code"] == "reset_token_invalid"


async def test_an_address_without_an_account_is_answered_alike_and_not_written_to(ada: Ada) -> None:
    """Nobody's address: 202 in the same words, a row and a workflow like anybody's, no letter; trying it: 422."""
    asked = await ada.forgets()
    assert (asked.status_code, asked.json()) == (202, FORGOTTEN)
    await ada.register()
    known = await ada.forgets()
    assert (known.status_code, known.json(), set(known.headers)) == (202, FORGOTTEN, set(asked.headers))
    code = await ada.code()
    assert (await ada.subjects()).count(CODE) == 1
    stranger = f"nobody-{uuid4().hex}@example.com"
    refused = await ada.http.post("/auth/password/verify-otp", json={"email": stranger, "code": code})
    assert (refused.status_code, refused.json()["code"]) == (422, "otp_wrong")
    assert await ada.house.letters_to(stranger) == []


async def test_a_request_sent_twice_is_one_letter(ada: Ada) -> None:
    """One key, one code, however often it is sent and how many at once; the key with another address: 422."""
    await ada.register()
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await ada.forgets(key=f"key-{ada.email}"))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    await ask()
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    other = await ada.forgets("nobody@example.com", f"key-{ada.email}")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await ada.verify(await ada.code())).status_code == 200
    assert len(await ada.outbox("payload::jsonb ->> 'template' = 'password_reset'", 1)) == 1


async def test_a_later_code_takes_the_place_of_an_earlier_one(ada: Ada) -> None:
    """Asked twice: the first code is worthless as soon as the second is asked for."""
    await ada.register()
    await ada.forgets()
    first = await ada.code()
    await ada.forgets()
    await ada.outbox("payload::jsonb ->> 'template' = 'password_reset' AND settled_at IS NOT NULL", 2)
    letters = [letter for letter in await ada.house.letters_to(ada.email) if letter["subject"] == CODE]
    [second] = [code for letter in letters for code in re.findall(r"\b[0-9]{6}\b", letter["text"]) if code != first]
    assert (await ada.verify(first)).json()["code"] == "otp_wrong"
    assert (await ada.verify(second)).status_code == 200


async def test_who_leaves_a_cart_is_reminded_once_and_can_say_stop(ada: Ada) -> None:
    """Consent, a cart, and no more: one letter with what is in it, none later; its one click ends the consent."""
    await ada.register(marketing_consent=True)
    sku = await ada.house.stock(5)
    await ada.leaves(sku)

    letter = await ada.house.letter_when(ada.email, REMINDER)

    assert f"1 x {sku.title()}" in letter["text"]
    headers = dict(letter["headers"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    await anyio.sleep(5)  # two more looks
    assert (await ada.subjects()).count(REMINDER) == 1
    link = headers["List-Unsubscribe"].strip("<>")
    assert link.startswith(ada.house.root)
    assert (await ada.http.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    me = (await ada.http.get("/auth/me", headers=ada.signed_in)).json()
    assert me["marketing_consent"] is False


async def test_a_mail_server_that_is_away_delays_letters_and_loses_none(ada: Ada) -> None:
    """Refused until it is back: then code and reminder arrive, each once; the code still works, the cart is there."""
    await ada.register(marketing_consent=True)
    await ada.outbox("settled_at IS NOT NULL", 1)
    await ada.house.mail_server("refuse")
    await ada.forgets()
    await ada.leaves(await ada.house.stock(5))
    await ada.outbox("settled_at IS NULL AND tries >= 2 AND error LIKE '451%'", 2, within=60)
    assert await ada.subjects() == ["Your account is open"]

    await ada.house.mail_server("ok")

    code = await ada.code(within=60)
    await ada.house.letter_when(ada.email, REMINDER, within=60)
    await ada.outbox("settled_at IS NOT NULL AND error IS NULL", 3, within=60)
    letters = await ada.house.letters_to(ada.email)
    assert {letter["subject"] for letter in letters} == {"Your account is open", CODE, REMINDER}
    assert len(letters) == len({letter["message_id"] for letter in letters}) == 3
    assert (await ada.verify(code)).status_code == 200


@pytest.mark.parametrize("change", ["touched", "emptied", "consent taken back"])
async def test_a_reminder_that_waits_is_taken_back(ada: Ada, change: str) -> None:
    """The mail server is away, and meanwhile the cart or its owner's mind changes: the reminder never arrives."""
    await ada.register(marketing_consent=True)
    await ada.outbox("settled_at IS NOT NULL", 1)
    await ada.house.mail_server("refuse")
    sku = await ada.house.stock(5)
    await ada.leaves(sku)
    await ada.outbox("settled_at IS NULL AND tries >= 1", 1, within=60)

    if change == "touched":
        await ada.leaves(sku)
    elif change == "emptied":
        assert (await ada.http.delete("/cart", headers=ada.signed_in)).status_code == 200
    else:
        body = {"marketing_consent": False}
        assert (await ada.http.patch("/auth/me", json=body, headers=ada.signed_in)).status_code == 200
    [letter] = await ada.outbox("error LIKE 'withdrawn: %'", 1, within=60)

    await ada.house.mail_server("ok")
    assert letter["settled_at"] is not None
    await ada.forgets()
    await ada.code()
    assert await ada.subjects() == ["Your account is open", CODE]
