"""The way out of marketing letters: what mail programs call when their reader presses *unsubscribe* (RFC 8058)."""

import msgspec
from litestar import post
from litestar.params import FromPath

from api.access import Access
from api.context import House
from api.problems import refuses
from models.errors import Refusal
from models.tables import user as users
from models.tokens import read_unsubscribe_token


class Unsubscribed(msgspec.Struct, frozen=True):
    """Done."""

    detail: str


@post(
    "/unsubscribe/{token:str}", operation_id="unsubscribe", access=Access.PUBLIC, tags=["Accounts"], status_code=200,
    summary="Get no more marketing letters", responses=refuses("not_found", "too_many_requests", "unavailable"),
)  # fmt: skip
async def unsubscribe(house: House, token: FromPath[str]) -> Unsubscribed:
    """One click, without signing in: the token is in the letter's `List-Unsubscribe`. A body, if any, is not read."""
    user = read_unsubscribe_token(house.settings.secret_key, token)
    if user is None:
        raise Refusal("not_found", "There is nothing at this address.")
    async with house.database.writing() as writer:
        await users.take_back_consent(writer, user)
    return Unsubscribed("You will get no more of these letters.")


handlers = [unsubscribe]
