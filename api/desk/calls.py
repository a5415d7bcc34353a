"""How a page asks: it calls the function of the API's own operation, with that operation's scope and body."""

from functools import cache
from inspect import signature
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.utils.helpers import unwrap_partial

from api.context import House, Identity, StrictRequest
from api.problems import Invalid
from models.errors import Refusal
from models.roles import Scope, may


class Desk:
    """The API, as somebody at the desk meets it."""

    def __init__(self, request: StrictRequest, house: House, caller: Identity) -> None:
        self.request = request
        self.house = house
        self.caller = caller

    def can(self, operation: HTTPRouteHandler) -> bool:
        """Whether they may have this done."""
        access = operation.opt["access"]
        return not isinstance(access, Scope) or may(self.caller.roles, access)

    async def ask(self, operation: HTTPRouteHandler, **given: Any) -> Any:
        """What the operation answers. Raises: as it does; Refusal `forbidden`."""
        return (await self.answer(operation, **given)).content

    async def answer(self, operation: HTTPRouteHandler, **given: Any) -> Response[Any]:
        """The same, with its status and headers."""
        answer = await self._call(operation, given)
        return answer if isinstance(answer, Response) else Response(answer, status_code=operation.status_code)

    async def order(self, operation: HTTPRouteHandler, body: object, key: str | None, **given: Any) -> Response[Any]:
        """Have something done, once a `key`; 202: begun, and still under way. Raises: as the operation; Invalid."""
        field = operation.parsed_data_field
        assert field is not None
        try:
            data = msgspec.convert(body, field.annotation)
        except msgspec.ValidationError as error:
            raise Invalid.body(error) from error
        return await self.answer(operation, data=data, idempotency=key, **given)

    async def _call(self, operation: HTTPRouteHandler, given: dict[str, Any]) -> Any:
        if not self.can(operation):
            scope = operation.opt["access"]
            raise Refusal("forbidden", f"Your roles do not have the scope {scope}, which this needs.", scope=scope)
        function = unwrap_partial(operation.fn)
        standing = {"request": self.request, "house": self.house, "caller": self.caller}
        asked = {name: value for name, value in standing.items() if name in _asks_for(function)}
        return await function(**asked, **given)


@cache
def _asks_for(function: Any) -> frozenset[str]:
    return frozenset(signature(function).parameters)
