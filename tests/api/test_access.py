"""Who passes: a token that is ours, of a session that lives, with the scope that the operation asks for."""

from datetime import timedelta

import jwt
import pytest
import sqlalchemy as sa
from litestar import get

from api.access import Access, guarded
from models import clock, session
from models.database import Database
from models.ids import SessionId, UserId, new_id
from models.tables.session import sessions
from models.tables.user import users
from tests import people, shop
from tests.api.conftest import Api

KEY = b"0123456789abcdef0123456789abcdef"


def forged(**changes: object) -> str:
    """A token as somebody without our key would make it."""
    now = int(clock.now().timestamp())
    claims = {"iss": "holdfast", "sub": new_id().hex, "sid": new_id().hex, "iat": now, "exp": now + 900, **changes}
    return jwt.encode(claims, "f" * 32, "HS256")


UNSIGNED = jwt.encode(
    {"sub": new_id().hex, "sid": new_id().hex, "iss": "holdfast", "exp": 10**10, "iat": 1}, "", "none"
)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Bearer x.y.z", f"Bearer {UNSIGNED}", f"Bearer {forged()}"]
)
async def test_what_is_no_token_of_ours_is_refused(api: Api, header: str) -> None:
    """Given no token of ours, when a cart is asked for with it, then 401, and the answer says what to send."""
    answer = await api.get("/api/v1/cart", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_expired_token_says_so(api: Api) -> None:
    """Given a token of sixteen minutes ago, then 401 `token_expired`: a client knows that it has to refresh."""
    old = session.access_token(
        KEY, UserId(new_id()), SessionId(new_id()), clock.now() - session.ACCESS_LIFE - timedelta(seconds=1)
    )
    answer = await api.get("/api/v1/cart", headers={"Authorization": f"Bearer {old}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_expired")


@pytest.mark.parametrize("ended", ["revoked", "expired", "closed"])
@pytest.mark.parametrize("filled", [True, False])
async def test_a_session_that_ended_opens_nothing(api: Api, database: Database, ended: str, filled: bool) -> None:
    """Given a token whose session or account ended, then 401 at once, with a cart (whose query proves) and without."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
        user = await people.account(writer)
    mine = await api.sign_in(user=user)
    if filled:
        put = await api.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 1}, headers=mine)
        assert (put.status_code, put.json()["cart_token"]) == (201, None)
    assert (await api.get("/api/v1/cart", headers=mine)).status_code == 200
    async with database.writing() as writer:
        past = clock.now() - timedelta(seconds=1)
        await writer.execute(
            {
                "revoked": sa.update(sessions).values(revoked_at=past),
                "expired": sa.update(sessions).values(expires_at=past),
                "closed": sa.update(users).values(archived_at=past),
            }[ended]
        )
    for method, path in (("GET", "/api/v1/cart"), ("DELETE", "/api/v1/cart")):
        answer = await api.client.request(method, path, headers=mine)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), method
    rows = await database.fetch("SELECT count(*) AS lines FROM cart_items")
    assert rows[0]["lines"] == int(filled)


async def test_two_accounts_have_two_carts(api: Api, database: Database) -> None:
    """Given two people signed in, then each has their own cart, and no token of an anonymous one changes that."""
    async with database.writing() as writer:
        await shop.stock_product(writer, "MUG", 5)
    ada, bob, nobody = await api.sign_in(), await api.sign_in(), await api.shopper("MUG")
    await api.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 2}, headers={**ada, **nobody})
    assert [item["quantity"] for item in (await api.get("/api/v1/cart", headers=ada)).json()["items"]] == [2]
    assert (await api.get("/api/v1/cart", headers=bob)).json()["items"] == []
    assert [item["quantity"] for item in (await api.get("/api/v1/cart", headers=nobody)).json()["items"]] == [1]


@pytest.mark.parametrize(
    ("path", "methods"), [("notifications", {"GET", "HEAD", "OPTIONS"}), ("checkout", {"POST", "OPTIONS"})]
)
async def test_what_is_possible_is_no_secret(api: Api, path: str, methods: set[str]) -> None:
    """Given somebody with no token of ours, when they ask what an address can do, then they are told."""
    for headers in ({}, {"Authorization": "Bearer x.y.z"}):
        answer = await api.client.request("OPTIONS", f"/api/v1/{path}", headers=headers)
        assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (204, methods)


def test_an_operation_says_whom_it_is_for() -> None:
    """Given a handler that names no access, then the API does not start; one that does is documented with it."""

    @get("/x", sync_to_thread=False)
    def silent() -> None: ...

    @get("/y", access=Access.ANYONE, sync_to_thread=False)
    def spoken() -> None: ...

    with pytest.raises(TypeError, match="silent does not say whom it is for"):
        guarded([silent])
    assert guarded([spoken])[0].security == [{}, {"accessToken": []}]
