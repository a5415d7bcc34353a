"""The API's own documentation at `/docs`: drawn by Swagger UI and Redoc out of a package, no foreign host asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from litestar import Request, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Operation, RequestBody, SecurityScheme, Tag
from litestar.params import FromPath
from litestar.static_files import create_static_files_router
from openapi_ui_bundles import redoc, swagger_ui

from api.access import nameable
from api.openapi import Told

PATH = "/docs"

_DESCRIPTION = """
Buy something: `GET /api/v1/products` → `POST /api/v1/cart/items` → `POST /api/v1/checkout/quote` →
`POST /api/v1/checkout` → `GET /api/v1/orders/{number}`.

Money is `{"amount": <minor units>, "currency": "usd"}`, times are RFC 3339 in UTC. Errors are
`application/problem+json` with a `code` for programs. Every POST that moves something honours `Idempotency-Key`.

Bodies are read strictly: a field that is not known is refused, "2" and 2.0 are no whole numbers, and of a field that
comes twice the last one counts. Answers may gain fields. How often you may ask is told in `RateLimit-*` headers; asked
too often, 429 says in `Retry-After` when to come back.
"""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast API</title>{head}</head><body style="margin:0"><div id="page"></div>{foot}</body></html>"""

_SWAGGER = _PAGE.format(
    head=f'<link rel="stylesheet" href="{PATH}/swagger/swagger-ui.css">',
    foot=f'<script src="{PATH}/swagger/swagger-ui-bundle.js"></script><script src="{PATH}/start/swagger.js"></script>',
)
_REDOC = _PAGE.format(
    head="",
    foot=f'<script src="{PATH}/redoc-ui/redoc.standalone.js"></script><script src="{PATH}/start/redoc.js"></script>',
)
_STARTS = {
    "swagger.js": f'SwaggerUIBundle({{url: "{PATH}/openapi.json", dom_id: "#page", deepLinking: true}});',
    "redoc.js": f'Redoc.init("{PATH}/openapi.json", {{}}, document.getElementById("page"));',
}
"""Scripts of their own, so that the pages need no inline script and their Content-Security-Policy can forbid it."""


class _Page(OpenAPIRenderPlugin):
    """A page that loads the schema itself."""

    def __init__(self, path: str, html: str) -> None:
        super().__init__(path=path)
        self._html = html.encode()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self._html


@dataclass
class BodyOptional(Operation):
    """An operation that may be sent without a body; as `operation_class`."""

    def __post_init__(self) -> None:
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


@get(PATH + "/start/{name:str}", include_in_schema=False, media_type="text/javascript", sync_to_thread=False)
def start_script(name: FromPath[str]) -> str:
    """Draws the page."""
    return _STARTS.get(name, "")


def config(handlers: Iterable[HTTPRouteHandler]) -> OpenAPIConfig:
    """What the generated OpenAPI document says about itself, and where it is."""
    return Told(
        handlers=tuple(handlers),
        title="Holdfast", version="1", description=_DESCRIPTION, path=PATH, use_handler_docstrings=True,
        render_plugins=[_Page("/", _SWAGGER), _Page("/redoc", _REDOC), JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={"accessToken": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        tags=[
            Tag("Catalogue", "What can be bought."), Tag("Cart", "What somebody wants to buy."),
            Tag("Checkout", "From a cart to an order."), Tag("Orders", "What was bought, and what became of it."),
            Tag("Accounts", "Who somebody is, and what they keep with us."),
            Tag("Vendors", "What those who sell through the shop see of their own goods and orders, and are paid."),
            Tag("Staff", "What those who work for the shop see and change."),
            Tag("Payment providers", "Their events."), Tag("Operations", "For machines that watch the house."),
        ],
    )  # fmt: skip


def routers() -> list[Router]:
    """The files that draw the pages."""
    folders = {"swagger": swagger_ui.static_path, "redoc-ui": redoc.static_path}
    return [
        create_static_files_router(f"{PATH}/{name}", [folder], include_in_schema=False, name=name, guards=[nameable])
        for name, folder in folders.items()
    ]


handlers = [start_script]
