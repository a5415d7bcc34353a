"""Staff give credit and take it back: written down, done once however often it is sent, and never below zero."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from models import clock
from models.database import Database
from models.ids import UserId, new_id
from models.roles import Role
from models.tables import credit
from tests import people, purse
from tests.api.conftest import Api

CARDS = "/api/v1/admin/gift-cards"


def money(amount: int, currency: str = "usd") -> dict[str, Any]:
    """As JSON has it."""
    return {"amount": amount, "currency": currency}


@pytest.fixture
async def finance(api: Api) -> dict[str, str]:
    """The headers of who keeps the money."""
    return await api.sign_in(Role.FINANCE)


@pytest.fixture
async def ada(database: Database) -> UserId:
    """A customer."""
    async with database.writing() as writer:
        return await people.account(writer)


async def state(database: Database) -> list[str]:
    """Every row of credit, every change written down, every answer kept."""
    rows = await database.fetch(
        "SELECT a::text FROM credit_accounts a UNION ALL SELECT e::text FROM credit_entries e "
        "UNION ALL SELECT l::text FROM audit_log l UNION ALL SELECT r::text FROM idempotent_requests r ORDER BY 1"
    )
    return [row[0] for row in rows]


async def log(database: Database) -> list[tuple[Any, ...]]:
    """What was written down, oldest first."""
    rows = await database.fetch("SELECT action, subject, after, reason FROM audit_log ORDER BY at, id")
    return [(row["action"], row["subject"], msgspec.json.decode(row["after"]), row["reason"]) for row in rows]


async def agree(database: Database) -> None:
    """Each balance is the sum of its entries."""
    async with database.reading() as reader:
        assert await credit.drift(reader) == []


async def test_a_card_is_given_out_found_and_withdrawn(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a new card, then its code opens it, staff see it without the code, and withdrawn it opens nothing."""
    until = (clock.now() + timedelta(days=30)).replace(microsecond=0)
    body = {"amount": money(5000), "note": "for #4711", "expires_at": until.isoformat()}
    answer = await api.post(CARDS, json=body, headers=finance)
    assert answer.status_code == 201
    code, card = answer.json()["code"], answer.json()["gift_card"]
    assert (card["balance"], card["last4"], card["archived_at"]) == (money(5000), code[-4:], None)
    assert card["expires_at"] == until.isoformat().replace("+00:00", "Z")
    assert code not in "".join(await state(database))

    shown = await api.get(f"{CARDS}/{card['id']}", headers=finance)
    assert shown.json()["gift_card"] == card
    [entry] = shown.json()["items"]
    assert (entry["type"], entry["amount"], entry["reason"], entry["order_number"]) == (
        "issue", money(5000), "for #4711", None,
    )  # fmt: skip
    assert code not in shown.text
    for query in ("", f"?last4={card['last4']}"):
        assert (await api.get(CARDS + query, headers=finance)).json()["items"] == [card]

    put = await api.post("/api/v1/cart/gift-cards", json={"code": code})
    assert put.json()["gift_cards"][0]["balance"] == money(5000)
    for _ in range(2):
        gone = await api.delete(f"{CARDS}/{card['id']}?reason=lost", headers=finance)
        assert (gone.status_code, gone.content) == (204, b"")
    again = await api.post("/api/v1/cart/gift-cards", json={"code": code})
    assert (again.status_code, again.json()["code"]) == (422, "gift_card_unknown")
    assert (await api.get(CARDS, headers=finance)).json()["items"] == []
    [kept] = (await api.get(f"{CARDS}?archived=true", headers=finance)).json()["items"]
    assert (kept["id"], kept["balance"]) == (card["id"], money(5000))
    assert kept["archived_at"] is not None

    first, second = await log(database)
    assert first == ("gift_card.issue", card["id"], card, "for #4711")
    assert (second[0], second[1], second[3]) == ("gift_card.archive", card["id"], "lost")
    await agree(database)


async def test_a_double_click_gives_one_card(api: Api, finance: dict[str, str], database: Database) -> None:
    """Given a request sent five times at once under one key, then one card, its code in every answer, kept nowhere."""
    headers = {**finance, "Idempotency-Key": "k"}
    body = {"amount": money(5000), "note": "gift"}
    answers = await asyncio.gather(*(api.post(CARDS, json=body, headers=headers) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.text for answer in answers}) == 1
    assert len((await api.get(CARDS, headers=finance)).json()["items"]) == 1
    assert answers[0].json()["code"] not in "".join(await state(database))
    other = await api.post(CARDS, json={**body, "amount": money(1)}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    without = [await api.post(CARDS, json=body, headers=finance) for _ in range(2)]
    assert len({answer.json()["code"] for answer in without}) == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": {"amount": 0, "currency": "usd"}}, "/amount/amount"),
        ({"amount": {"amount": -1, "currency": "usd"}}, "/amount/amount"),
        ({"amount": {"amount": 10**15 + 1, "currency": "usd"}}, "/amount"),
        ({"amount": {"amount": 10**40, "currency": "usd"}}, "/amount"),
        ({"amount": {"amount": 1, "currency": "zzz"}}, "/amount"),
        ({"amount": 5000}, "/amount"), ({"note": ""}, "/note"), ({"note": "a\x00b"}, "/note"),
        ({"note": "x" * 201}, "/note"), ({"code": "MINE"}, "/code"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"), ({"expires_at": "2027-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, "/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"), ({"expires_at": "soon"}, "/expires_at"),
    ],
)  # fmt: skip
async def test_what_is_no_card(
    api: Api, finance: dict[str, str], database: Database, change: dict[str, Any], pointer: str
) -> None:
    """Given a body that makes no sense, then 422 at its field, and nothing is written."""
    answer = await api.post(CARDS, json={"amount": money(5000), "note": "gift", **change}, headers=finance)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert await state(database) == []


async def test_lists_are_cut_into_pages(api: Api, finance: dict[str, str]) -> None:
    """Given five cards, then pages of two hold each once, newest first."""
    made = [
        (await api.post(CARDS, json={"amount": money(n), "note": "gift"}, headers=finance)).json()["gift_card"]
        for n in range(1, 6)
    ]
    seen, place = [], ""
    while True:
        page = (await api.get(f"{CARDS}?limit=2{place}", headers=finance)).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        place = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


async def test_store_credit_is_granted_and_taken_back(
    api: Api, finance: dict[str, str], database: Database, ada: UserId
) -> None:
    """Given a grant of 50.00, then 20.00 can be taken back and not 30.01; all of it is in ledger and log."""
    path = f"/api/v1/admin/users/{ada}/store-credit"
    granted = await api.post(path, json={"amount": money(5000), "reason": "sorry"}, headers=finance)
    assert (granted.status_code, granted.json()["balance"]) == (201, money(5000))
    assert (granted.json()["entry"]["type"], granted.json()["entry"]["amount"]) == ("adjust", money(5000))
    back = await api.post(path, json={"amount": money(-2000), "reason": "too much"}, headers=finance)
    assert (back.status_code, back.json()["balance"]) == (201, money(3000))
    before = await state(database)
    for amount in (money(-3001), money(-1, "eur")):
        refused = await api.post(path, json={"amount": amount, "reason": "all of it"}, headers=finance)
        assert (refused.status_code, refused.json()["code"]) == (409, "credit_insufficient")
    assert await state(database) == before
    assert refused.json()["facts"] == {"balance": money(0, "eur")}

    seen = (await api.get(path, headers=finance)).json()
    assert seen["balances"] == [money(3000)]
    assert [(entry["amount"], entry["reason"]) for entry in seen["items"]] == [
        (money(-2000), "too much"), (money(5000), "sorry"),
    ]  # fmt: skip
    assert seen["items"][1] == granted.json()["entry"]
    mine = (await api.get("/api/v1/store-credit", headers=await api.sign_in(user=ada))).json()
    assert mine["balances"] == [money(3000)]
    assert [sorted(entry) for entry in mine["items"]] == [["amount", "at", "id", "order_number", "type"]] * 2
    assert [(entry["type"], entry["amount"]) for entry in mine["items"]] == [
        ("adjust", money(-2000)), ("adjust", money(5000)),
    ]  # fmt: skip
    assert await log(database) == [
        ("store_credit.adjust", str(ada), {"amount": money(5000), "balance": money(5000)}, "sorry"),
        ("store_credit.adjust", str(ada), {"amount": money(-2000), "balance": money(3000)}, "too much"),
    ]
    await agree(database)


async def test_a_double_click_grants_once(api: Api, finance: dict[str, str], database: Database, ada: UserId) -> None:
    """Given a grant sent five times at once under one key, then it is granted once, and answered alike."""
    path = f"/api/v1/admin/users/{ada}/store-credit"
    headers, body = {**finance, "Idempotency-Key": "k"}, {"amount": money(500), "reason": "sorry"}
    answers = await asyncio.gather(*(api.post(path, json=body, headers=headers) for _ in range(5)))
    assert ([answer.status_code for answer in answers], len({answer.text for answer in answers})) == ([201] * 5, 1)
    assert (await api.get(path, headers=finance)).json()["balances"] == [money(500)]
    assert len(await log(database)) == 1


async def test_a_crowd_of_staff_takes_back_no_more_than_there_is(
    api: Api, finance: dict[str, str], database: Database, ada: UserId
) -> None:
    """Given 10.00, when twenty take 1.00 back at once, then ten do, and ten are refused."""
    path = f"/api/v1/admin/users/{ada}/store-credit"
    await api.post(path, json={"amount": money(1000), "reason": "sorry"}, headers=finance)
    body = {"amount": money(-100), "reason": "back"}
    answers = await asyncio.gather(*(api.post(path, json=body, headers=finance) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 10
    assert (await api.get(path, headers=finance)).json()["balances"] == [money(0)]
    await agree(database)


async def test_no_balance_outgrows_its_row(api: Api, finance: dict[str, str], database: Database, ada: UserId) -> None:
    """Given the largest amount that money has, then a cent more is refused, and everything can still be read."""
    path = f"/api/v1/admin/users/{ada}/store-credit"
    largest = {"amount": money(10**15), "reason": "sorry"}
    assert (await api.post(path, json=largest, headers=finance)).status_code == 201
    refused = await api.post(path, json={"amount": money(1), "reason": "sorry"}, headers=finance)
    assert (refused.status_code, refused.json()["code"]) == (409, "credit_too_much")
    assert (await api.get(path, headers=finance)).json()["balances"] == [money(10**15)]
    nothing = await api.post(path, json={"amount": money(0), "reason": "sorry"}, headers=finance)
    assert (nothing.status_code, nothing.json()["errors"][0]["pointer"]) == (422, "/amount/amount")


async def test_who_is_not_there(api: Api, finance: dict[str, str], database: Database, ada: UserId) -> None:
    """Given nobody's id, then 404; an erased account is given nothing; another kind of account is no card."""
    nobody = f"/api/v1/admin/users/{new_id()}/store-credit"
    grant = {"amount": money(500), "reason": "sorry"}
    for answer in (await api.get(nobody, headers=finance), await api.post(nobody, json=grant, headers=finance)):
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    path = f"/api/v1/admin/users/{ada}/store-credit"
    await api.post(path, json=grant, headers=finance)
    [account] = await database.fetch("SELECT id FROM credit_accounts")
    for card in (account["id"], new_id()):
        for answer in (
            await api.get(f"{CARDS}/{card}", headers=finance), await api.delete(f"{CARDS}/{card}", headers=finance),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (404, "gift_card_not_found")
    async with database.writing() as writer:
        await writer.exec_driver_sql("UPDATE users SET erased_at = now(), archived_at = now() WHERE id = $1", (ada,))
    before = await state(database)
    erased = await api.post(path, json=grant, headers=finance)
    assert (erased.status_code, erased.json()["code"]) == (409, "account_erased")
    assert await state(database) == before


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR, Role.CATALOG, Role.SUPPORT, Role.FINANCE, Role.ADMIN])
async def test_who_may(api: Api, database: Database, ada: UserId, role: Role) -> None:
    """Given each role, then support reads, finance and admin write too, and to others it is forbidden."""
    async with database.writing() as writer:
        card = await purse.gift_card(writer, 100)
    staff, path = await api.sign_in(role), f"/api/v1/admin/users/{ada}/store-credit"
    reads = [await api.get(where, headers=staff) for where in (CARDS, f"{CARDS}/{card.id}", path)]
    writes = [
        await api.post(CARDS, json={"amount": money(1), "note": "gift"}, headers=staff),
        await api.post(path, json={"amount": money(1), "reason": "sorry"}, headers=staff),
        await api.delete(f"{CARDS}/{card.id}", headers=staff),
    ]
    may_read, may_write = role in (Role.SUPPORT, Role.FINANCE, Role.ADMIN), role in (Role.FINANCE, Role.ADMIN)
    assert [answer.status_code for answer in reads] == [200 if may_read else 403] * 3
    assert [answer.status_code for answer in writes] == ([201, 201, 204] if may_write else [403] * 3)


async def test_ones_own_credit_alone(api: Api, finance: dict[str, str], ada: UserId) -> None:
    """Given somebody else's store credit, then one's own is empty; a guest is asked to sign in; pages go on."""
    path = f"/api/v1/admin/users/{ada}/store-credit"
    for amount in (1, 2, 3):
        await api.post(path, json={"amount": money(amount), "reason": "sorry"}, headers=finance)
    other = (await api.get("/api/v1/store-credit", headers=await api.sign_in())).json()
    assert (other["balances"], other["items"], other["next_cursor"]) == ([], [], None)
    assert (await api.get("/api/v1/store-credit")).status_code == 401
    mine = await api.sign_in(user=ada)
    first = (await api.get("/api/v1/store-credit?limit=2", headers=mine)).json()
    then = (await api.get(f"/api/v1/store-credit?limit=2&cursor={first['next_cursor']}", headers=mine)).json()
    assert [entry["amount"]["amount"] for entry in first["items"] + then["items"]] == [3, 2, 1]
    assert (then["next_cursor"], first["balances"]) == (None, [money(6)])
