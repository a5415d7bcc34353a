"""One click out of marketing letters, as mail programs do it: without signing in, and for its reader alone."""

from uuid import UUID

import pytest

from models.database import Database
from models.ids import CartId, UserId
from models.tables import user as users
from models.tokens import cart_token, unsubscribe_token
from tests import people
from tests.api.conftest import Api

KEY = b"0123456789abcdef0123456789abcdef"
CONSENT = "SELECT email, marketing_consent, marketing_consent_at FROM users ORDER BY email"


async def test_one_click_is_enough_and_twice_does_no_harm(api: Api, database: Database) -> None:
    """Given two who allowed letters, when one's mail program unsubscribes, then consent ends for one."""
    async with database.writing() as writer:
        ada, bob = [await people.account(writer, email=f"{name}@example.com") for name in ("ada", "bob")]
        for user in (ada, bob):
            await users.update(writer, user, {"marketing_consent": True})
    before = await database.fetch(CONSENT)
    link = f"/api/v1/unsubscribe/{unsubscribe_token(KEY, ada)}"

    answers = [
        await api.post(link, data={"List-Unsubscribe": "One-Click"}),
        await api.post(link, files={"List-Unsubscribe": (None, "One-Click")}),
        await api.post(link),
    ]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"detail": "You will get no more of these letters."})
    ] * 3
    after = await database.fetch(CONSENT)
    assert [row["marketing_consent"] for row in after] == [False, True]
    assert after[0]["marketing_consent_at"] > before[0]["marketing_consent_at"]
    assert after[1] == before[1]


FORGED = [
    "nonsense", "🛒", "%00", cart_token(KEY, CartId(UUID(int=1))), unsubscribe_token(b"f" * 32, UserId(UUID(int=1))),
]  # fmt: skip


@pytest.mark.parametrize("token", FORGED)
async def test_a_link_that_is_not_ours_leads_nowhere(api: Api, database: Database, token: str) -> None:
    """Given a token that no letter carried, then 404 like any address where nothing is, and nothing moved."""
    async with database.writing() as writer:
        await users.update(writer, await people.account(writer), {"marketing_consent": True})
    answer = await api.post(f"/api/v1/unsubscribe/{token}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [row["marketing_consent"] for row in await database.fetch(CONSENT)] == [True]


async def test_looking_at_the_link_is_no_click(api: Api, database: Database) -> None:
    """Given a scanner that opens every link of a mail, then nothing happens to the consent."""
    async with database.writing() as writer:
        ada = await people.account(writer)
        await users.update(writer, ada, {"marketing_consent": True})
    assert (await api.get(f"/api/v1/unsubscribe/{unsubscribe_token(KEY, ada)}")).status_code == 405
    assert [row["marketing_consent"] for row in await database.fetch(CONSENT)] == [True]
