"""What staff say of vendors as sellers: who acts for them, what the shop keeps, and where they are paid out to."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from models.database import Database
from models.roles import Role
from tests import goods, people
from tests.api.conftest import Api
from tests.api.staff import ADMIN, log, made, state

RULES = f"{ADMIN}/commission-rules"
ANNA = f"{ADMIN}/vendors/anna"


@pytest.fixture
async def admin(api: Api, database: Database) -> dict[str, str]:
    """The headers of an admin of a shop with two vendors."""
    async with database.writing() as writer:
        for slug in ("anna", "ben"):
            await goods.vendor(writer, slug)
    return await api.sign_in(Role.ADMIN)


async def test_a_rule_is_made_changed_and_removed(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given a rule, then each step answers with it as it is and is written down, and again changes nothing."""
    rule = await made(
        api, admin, "commission-rules", vendor="anna", category="all", currency="usd", ppm=120_000, fixed=30
    )
    path = f"{RULES}/{rule['id']}"
    assert {name: rule[name] for name in ("vendor", "category", "currency", "ppm", "fixed")} == {
        "vendor": "anna", "category": "all", "currency": "usd", "ppm": 120_000, "fixed": 30,
    }  # fmt: skip
    assert (await api.get(path, headers=admin)).json() == rule
    for _ in range(2):
        changed = await api.patch(path, json={"ppm": 90_000, "reason": "#1"}, headers=admin)
        assert (changed.status_code, changed.json()) == (200, {**rule, "ppm": 90_000})
    gone = await api.delete(path, params={"reason": "#2"}, headers=admin)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await api.delete(path, headers=admin)).json()["code"] == "commission_rule_not_found"
    assert [(action, before, after) for action, _, before, after, _ in await log(database)] == [
        ("commission_rule.create", None, rule), ("commission_rule.change", {"ppm": 120_000}, {"ppm": 90_000}),
        ("commission_rule.remove", {**rule, "ppm": 90_000}, None),
    ]  # fmt: skip


async def test_rules_are_listed_by_vendor_page_by_page(api: Api, admin: dict[str, str]) -> None:
    """Given rules for all and for some, then they are listed newest first, or those that name a vendor."""
    for body in ({"ppm": 1}, {"ppm": 2, "vendor": "anna"}, {"ppm": 3, "vendor": "ben"}, {"ppm": 4, "vendor": "anna",
                 "currency": "eur"}):  # fmt: skip
        await made(api, admin, "commission-rules", **body)
    first = (await api.get(RULES, params={"limit": 3}, headers=admin)).json()
    rest = (await api.get(RULES, params={"limit": 3, "cursor": first["next_cursor"]}, headers=admin)).json()
    assert [each["ppm"] for each in first["items"] + rest["items"]] == [4, 3, 2, 1]
    mine = (await api.get(RULES, params={"vendor": "anna"}, headers=admin)).json()
    assert [each["ppm"] for each in mine["items"]] == [4, 2]


async def test_there_is_one_rule_for_one_thing(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given ten requests for a rule of the same, then one is made; under its key it is answered again."""
    headers = [{**admin, "Idempotency-Key": f"k{number}"} for number in range(10)]
    answers = await asyncio.gather(*(api.post(RULES, json={"ppm": 5}, headers=each) for each in headers))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    won = next(number for number, answer in enumerate(answers) if answer.status_code == 201)
    again = await api.post(RULES, json={"ppm": 5}, headers=headers[won])
    assert (again.status_code, again.json()) == (201, answers[won].json())
    assert len(await log(database)) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ppm": -1}, 422, "invalid"), ({"ppm": 1_000_001}, 422, "invalid"), ({"ppm": 1.5}, 422, "invalid"),
        ({}, 422, "invalid"), ({"ppm": 1, "fixed": 1}, 422, "invalid"), ({"ppm": 1, "currency": "xxx"}, 422, "invalid"),
        ({"ppm": 1, "currency": "usd", "fixed": 2**63}, 422, "invalid"),
        ({"ppm": 1, "vendor": "A\x00"}, 422, "invalid"),
        ({"ppm": 1, "vendor": "nobody"}, 422, "vendor_unknown"),
        ({"ppm": 1, "category": "none"}, 422, "category_unknown"),
        ({"ppm": 1, "id": "x"}, 422, "invalid"),
    ],
)  # fmt: skip
async def test_rules_that_cannot_be(
    api: Api, admin: dict[str, str], database: Database, body: dict[str, Any], status: int, code: str
) -> None:
    """Given what is no rule, then it is refused, and nothing is written."""
    before = await state(database, "commission_rules")
    answer = await api.post(RULES, json=body, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await state(database, "commission_rules") == before


async def test_a_fixed_part_has_a_currency(api: Api, admin: dict[str, str]) -> None:
    """Given a rule for any currency, then it cannot get a fixed part."""
    rule = await made(api, admin, "commission-rules", ppm=1)
    answer = await api.patch(f"{RULES}/{rule['id']}", json={"fixed": 5}, headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "currency_mismatch")


async def test_somebody_acts_for_a_vendor_until_it_is_ended(
    api: Api, admin: dict[str, str], database: Database
) -> None:
    """Given an account that is let act, then it has the role and is listed; ended, it has neither any more."""
    async with database.writing() as writer:
        user = await people.account(writer, email="mia@example.com")

    async def roles() -> list[str]:
        [row] = await database.fetch("SELECT roles FROM users WHERE id = $1", user)
        return list(row["roles"])

    for _ in range(2):
        added = await api.post(f"{ANNA}/members", json={"user_id": str(user), "reason": "#1"}, headers=admin)
        assert (added.status_code, added.json()["email"]) == (201, "mia@example.com")
    assert await roles() == ["customer", "vendor"]
    listed = (await api.get(f"{ANNA}/members", headers=admin)).json()
    assert ([each["user"] for each in listed["items"]], listed["total"]) == ([str(user)], 1)
    elsewhere = await api.post(f"{ADMIN}/vendors/ben/members", json={"user_id": str(user)}, headers=admin)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "member_elsewhere")
    of_ben = await api.delete(f"{ADMIN}/vendors/ben/members/{user}", headers=admin)
    assert (of_ben.status_code, of_ben.json()["code"]) == (404, "member_not_found")
    gone = await api.delete(f"{ANNA}/members/{user}", headers=admin)
    assert (gone.status_code, await roles()) == (204, ["customer"])
    again = await api.delete(f"{ANNA}/members/{user}", headers=admin)
    assert (again.status_code, again.json()["code"]) == (404, "member_not_found")
    assert [(action, subject) for action, subject, *_ in await log(database)] == [
        ("vendor.add_member", "anna"), ("vendor.remove_member", "anna"),
    ]  # fmt: skip


async def test_nobody_else_can_act(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given no account, a closed one, or no vendor, then nobody is let act."""
    async with database.writing() as writer:
        closed = await people.account(writer)
        await writer.exec_driver_sql("UPDATE users SET archived_at = now() WHERE id = $1", (closed,))
    for path, user, status, code in (
        (ANNA, uuid4(), 404, "user_not_found"), (ANNA, closed, 409, "archived"),
        (f"{ADMIN}/vendors/nobody", closed, 404, "vendor_not_found"),
    ):  # fmt: skip
        answer = await api.post(f"{path}/members", json={"user_id": str(user)}, headers=admin)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await database.fetch("SELECT FROM vendor_members") == []


async def test_where_a_vendor_is_paid_out_to(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given an account at the provider, then it is said, written down, nobody else's, and can be taken away."""
    path = f"{ANNA}/payout-account"
    assert (await api.get(path, headers=admin)).json() == {"payout_account": None, "balances": []}
    for _ in range(2):
        said = await api.patch(path, json={"payout_account": "acct_1A"}, headers=admin)
        assert (said.status_code, said.json()["payout_account"]) == (200, "acct_1A")
    other = await api.patch(f"{ADMIN}/vendors/ben/payout-account", json={"payout_account": "acct_1A"}, headers=admin)
    assert (other.status_code, other.json()["code"]) == (409, "payout_account_taken")
    for wrong in ("1A", "acct_", "acct_1A\n", "acct_é", 7, "acct_" + "x" * 101):
        refused = await api.patch(path, json={"payout_account": wrong}, headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), wrong
    assert (await api.patch(path, json={"payout_account": None}, headers=admin)).json()["payout_account"] is None
    assert [(before, after) for _, _, before, after, _ in await log(database)] == [
        ({"payout_account": None}, {"payout_account": "acct_1A"}),
        ({"payout_account": "acct_1A"}, {"payout_account": None}),
    ]  # fmt: skip
    assert (await api.get(f"{ANNA}/payouts", headers=admin)).json() == {"items": [], "next_cursor": None, "total": None}


async def test_one_account_is_one_vendor_s_also_at_once(api: Api, admin: dict[str, str], database: Database) -> None:
    """Given both vendors asking for one account at once, then one has it and the other is told."""
    body = {"payout_account": "acct_1A"}
    answers = await asyncio.gather(
        *(api.patch(f"{ADMIN}/vendors/{slug}/payout-account", json=body, headers=admin) for slug in ("anna", "ben"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
