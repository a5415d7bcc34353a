"""How answers are shaped: lists with cursors, created ranges, and `expand[]`."""

from collections.abc import Callable, Mapping
from typing import Any

from dev.stripe.call import Call, visible
from dev.stripe.errors import Obj, invalid, missing

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
EXPAND_DEPTH = 4

# Fields that are left out unless asked for by expand[].
INCLUDABLE = {"charge": ("refunds",), "checkout.session": ("line_items",)}


def limit_of(params: Obj) -> int:
    limit: int = params.get("limit", DEFAULT_LIMIT)
    if limit > MAX_LIMIT:
        raise invalid("Invalid limit: must be between 1 and 100.", param="limit", code="parameter_invalid_integer")
    return limit


def listing(data: list[Obj], url: str, *, has_more: bool = False) -> Obj:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def list_page(call: Call, kind: str, params: Obj, url: str, facets: Mapping[str, str | list[str]] | None = None) -> Obj:
    """One page of a list endpoint, newest first, cursors by object id.

    Raises: StripeError resource_missing for a cursor nobody knows.
    """
    limit = limit_of(params)
    bounds: dict[str, int] = {}
    for cursor, bound in (("starting_after", "below"), ("ending_before", "above")):
        if cursor in params:
            seq = call.store.seq(params[cursor])
            if seq is None:
                raise missing(kind, params[cursor], param=cursor)
            bounds[bound] = seq
    backwards = "above" in bounds
    rows = call.store.select(
        kind,
        facets,
        created=params.get("created"),
        below=bounds.get("below", 2**62),
        above=bounds.get("above", 0),
        oldest_first=backwards,
        limit=limit + 1,
    )
    page = [visible(obj) for _, obj in rows[:limit]]
    return listing(page[::-1] if backwards else page, url, has_more=len(rows) > limit)


def listed(kind: str, url: str, *filters: str) -> Callable[[Call, Obj], Obj]:
    """The handler of a plain list endpoint, filtered by the named parameters."""

    def run(call: Call, params: Obj) -> Obj:
        facets = {name: params[name] for name in filters if name in params}
        return list_page(call, kind, params, url, facets)

    return run


def retrieved(kind: str, noun: str | None = None) -> Callable[[Call, Obj, str], Obj]:
    """The handler of a plain retrieve endpoint."""

    def run(call: Call, params: Obj, id: str) -> Obj:
        return call.get(kind, id, noun=noun)

    return run


def refunds_of(call: Call, charge: str) -> Obj:
    rows = call.store.select("refund", {"charge": charge})
    return listing([visible(obj) for _, obj in rows], f"/v1/charges/{charge}/refunds")


def expanded(call: Call, answer: Obj, paths: list[str]) -> Obj:
    """The answer with the ids at these paths replaced by the objects they name.

    Raises: StripeError for a path that leads nowhere, or deeper than four levels.
    """
    shown = visible(answer)
    for path in paths:
        parts = path.split(".")
        if len(parts) > EXPAND_DEPTH:
            raise invalid(f"You cannot expand more than {EXPAND_DEPTH} levels of a property ({path}).", param="expand")
        expand(call, shown, parts, path)
    return shown


def expand(call: Call, node: Obj, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    value: Any = node.get(name)
    if name == "data" and isinstance(value, list):
        for item in value:
            expand(call, item, rest, path)
        return
    if value is None and name in INCLUDABLE.get(node.get("object", ""), ()):
        value = node[name] = included(call, node, name)
    if isinstance(value, str):
        target = call.store.get(value)
        if target is None:
            raise not_expandable(path)
        value = node[name] = visible(target)
    if value is None:
        if name not in node:
            raise not_expandable(path)
        return
    if not isinstance(value, dict):
        raise not_expandable(path)
    if rest:
        copied = node[name] = dict(value)
        expand(call, copied, rest, path)


def included(call: Call, node: Obj, name: str) -> Obj:
    if name == "refunds":
        return refunds_of(call, node["id"])
    session = call.get("checkout.session", node["id"])
    return listing(session["_line_items"], f"/v1/checkout/sessions/{node['id']}/line_items")


def not_expandable(path: str) -> Exception:
    return invalid(
        f"This property cannot be expanded ({path}). You may want to try expanding a different property.",
        param="expand",
    )
