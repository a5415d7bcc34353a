"""What can be done at an address: the answer to OPTIONS.

The framework's own answer knows only the method that was registered first.
"""

from collections.abc import Iterable

from litestar import Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from api.access import Access


def answers(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """One handler an address, to be registered before the others."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            found = {str(method) for method in handler.http_methods}
            methods.setdefault(path, {"OPTIONS"}).update(found | ({"HEAD"} if "GET" in found else set()))
    return [_answer(path, sorted(allowed)) for path, allowed in methods.items()]


def _answer(path: str, allowed: list[str]) -> HTTPRouteHandler:
    def options() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": ", ".join(allowed)})

    return HTTPRouteHandler(
        path,
        http_method=HttpMethod.OPTIONS,
        include_in_schema=False,
        sync_to_thread=False,
        status_code=204,
        access=Access.PUBLIC,
    )(options)
