"""To have everything, and to be forgotten: what the door says of both. The erasure itself is a workflow's."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from models import clock
from models.database import Database
from models.export import Export
from models.ids import UserId, new_id
from models.tables.export import AT_ONCE
from models.tables.notification import notifications
from models.tables.session import sessions
from tests import people, shop, traces
from tests.api.conftest import Api, StartApi
from tests.traces import ZERUBBABEL

ME, EXPORT = "/api/v1/auth/me", "/api/v1/auth/me/export"


@pytest.fixture
async def me(api: Api, database: Database) -> UserId:
    """Somebody with something everywhere."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
        user = await traces.account(writer)
        await traces.leave(writer, user)
    return user


async def exported(api: Api, headers: dict[str, str]) -> Export:
    """All of it, read strictly as it is documented."""
    answer = await api.get(EXPORT, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="holdfast-{clock.now():%Y-%m-%d}.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == set(Export.__struct_fields__)
    return msgspec.json.decode(answer.content, type=Export)


async def test_everything_is_in_it(api: Api, me: UserId, database: Database) -> None:
    """Given somebody with something in every table, then each is in the file, and nothing that proves who they are."""
    headers = await api.sign_in(user=me)
    put = await api.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 2}, headers=headers)
    assert put.status_code == 201, put.text
    for _ in range(2):
        assert (await api.post("/api/v1/products/mug/views", headers=headers)).status_code == 204
    found = await exported(api, headers)
    assert [look.slug for look in found.views] == ["mug"]
    assert found.account.email == ZERUBBABEL.email
    assert found.provider_customer == ZERUBBABEL.customer
    assert [each.address for each in found.addresses] == [ZERUBBABEL.address] * 2
    assert found.cart is not None
    assert [(item.sku, item.quantity) for item in found.cart.items] == [("MUG", 2)]
    assert [wish.slug for wish in found.wishlist] == ["mug"]
    assert [(said.slug, said.stars, said.body) for said in found.reviews] == [("mug", 1, ZERUBBABEL.street)]
    assert [vote.slug for vote in found.review_votes] == ["mug"]
    assert [(card.brand, card.last4, card.is_default) for card in found.payment_methods] == [("visa", "4242", True)]
    assert {session.user_agent for session in found.sessions} == {None, "Zerubbabel's phone"}
    assert [(entry.amount.amount, entry.reason) for entry in found.store_credit] == [(700, "sorry")]
    assert [each.kind for each in found.notifications] == ["order_cancelled"]
    assert [letter.template for letter in found.letters] == ["welcome"]
    assert found.orders == []
    text = (await api.get(EXPORT, headers=headers)).text
    assert "password" not in text
    assert "kept" not in text


async def test_nothing_is_in_it_of_somebody_with_nothing(api: Api, me: UserId) -> None:
    """Given a new account beside another, then its file has its profile and one sign-in, and nothing of the other's."""
    found = await exported(api, await api.sign_in())
    assert (found.account.first_name, found.cart, found.orders, found.addresses) == ("Ada", None, [], [])
    assert len(found.sessions) == 1
    assert [word for word in ZERUBBABEL.words if word in str(found).lower()] == []


@pytest.mark.parametrize("count", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
async def test_long_lists_come_whole(api: Api, database: Database, count: int) -> None:
    """Given more rows than are read at once, or just as many, then each is in the file once."""
    async with database.writing() as writer:
        user = await people.account(writer)
        await writer.execute(
            sa.insert(notifications),
            [{"id": new_id(), "user_id": user, "cause": str(n), "kind": f"kind-{n}"} for n in range(count)],
        )
    found = await exported(api, await api.sign_in(user=user))
    assert sorted(each.kind for each in found.notifications) == sorted(f"kind-{n}" for n in range(count))


async def test_an_old_sign_in_is_not_enough(api: Api, me: UserId, database: Database) -> None:
    """Given a sign-in of an hour ago, then being forgotten asks for another one, and nothing moves."""
    headers = await api.sign_in(user=me)
    async with database.writing() as writer:
        old = clock.now() - timedelta(hours=1, seconds=1)
        await writer.execute(sa.update(sessions).values(created_at=old))
    before = await traces.found(database)
    answer = await api.delete(ME, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_again")
    assert await traces.found(database) == before


async def test_temporal_is_away(api: Api, me: UserId, database: Database) -> None:
    """Given no Temporal, then 503, because nothing was begun; the file comes all the same."""
    headers = await api.sign_in(user=me)
    before = await traces.found(database)
    answer = await api.delete(ME, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert await traces.found(database) == before
    await exported(api, headers)


async def test_what_is_begun_is_told_though_nobody_works(
    start_api: StartApi, parts: dict[str, str], me: UserId, database: Database
) -> None:
    """Given a Temporal that takes it and no worker, then 202, again too: it will be done."""
    api = await start_api(TEMPORAL_ADDRESS=parts["TEMPORAL_ADDRESS"], CHECKOUT_ANSWER_BUDGET="3")
    headers = await api.sign_in(user=me)
    for _ in range(2):
        answer = await api.ask("DELETE", ME, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"status": "begun"})
    await api.app.state.house.temporal.get_workflow_handle(f"erasure/{me}").terminate("the test is over")


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"\xff\x00", b'{"password": "x"}', b"[" * 10_000])
async def test_a_body_is_not_looked_at(api: Api, me: UserId, body: bytes) -> None:
    """Given whatever body, then the same answer as without: here, that Temporal is away."""
    headers: dict[str, Any] = {**await api.sign_in(user=me), "Content-Type": "application/json"}
    answer = await api.client.request("DELETE", ME, headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
