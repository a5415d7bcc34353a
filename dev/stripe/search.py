"""Stripe's search language over stored objects: `metadata['order']:'42' AND status:'succeeded'`."""

import base64
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from dev.stripe.answers import limit_of
from dev.stripe.call import Call, visible
from dev.stripe.errors import Obj, invalid
from dev.stripe.form import Schema, integer, list_of, string

SEARCH = Schema(
    {"query": string(), "limit": integer(least=1), "page": string(), "expand": list_of(string())}, required=("query",)
)
CLAUSE = re.compile(
    r"""\s*(?P<negated>-)?(?P<field>\w+)(?:\[(?P<quote>["'])(?P<key>.*?)(?P=quote)\])?\s*
    (?P<sign>:|>=|<=|>|<|~)\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[\w.]+))\s*""",
    re.VERBOSE,
)
JOINT = re.compile(r"(AND|OR)\s", re.IGNORECASE)
STRINGS = frozenset({"currency", "customer", "status", "email", "name", "phone", "payment_intent"})
NUMBERS = frozenset({"amount", "created"})


class Clause(NamedTuple):
    field: str
    key: str | None
    sign: str
    value: str | None  # None asks whether the field is absent
    negated: bool

    def holds(self, obj: Obj) -> bool:
        actual: Any = (obj.get("metadata") or {}).get(self.key) if self.key is not None else obj.get(self.field)
        return self.compare(actual) != self.negated

    def compare(self, actual: Any) -> bool:
        if self.value is None:
            return actual is None
        if actual is None:
            return False
        if self.field in NUMBERS:
            wanted = int(self.value)
            return bool(
                {":": actual == wanted, ">": actual > wanted, "<": actual < wanted, ">=": actual >= wanted,
                 "<=": actual <= wanted}[self.sign]
            )  # fmt: skip
        if self.sign == "~":
            return self.value.lower() in str(actual).lower()
        return str(actual).lower() == self.value.lower()


def parse_query(query: str) -> tuple[list[Clause], bool]:
    """The clauses, and whether any of them suffices (OR) rather than all (AND).

    Raises: StripeError for anything Stripe's search language does not know.
    """
    clauses: list[Clause] = []
    joints: set[str] = set()
    position = 0
    while True:
        match = CLAUSE.match(query, position)
        if match is None:
            raise unparseable(query, position)
        clauses.append(clause(match))
        position = match.end()
        if position == len(query):
            break
        joint = JOINT.match(query, position)
        joints.add(joint[1].upper() if joint else "AND")
        position = joint.end() if joint else position
    if len(joints) > 1:
        raise invalid("You can't mix AND and OR clauses in a search query.", param="query")
    return clauses, "OR" in joints


def clause(match: re.Match[str]) -> Clause:
    field, key, sign = match["field"], match["key"], match["sign"]
    value = match["double"] if match["double"] is not None else match["single"]
    value = value if value is not None else match["bare"]
    if (field == "metadata") != (key is not None) or (field != "metadata" and field not in STRINGS | NUMBERS):
        raise invalid(f"Field `{field}` is an unsupported search field for this resource.", param="query")
    quoted = match["bare"] is None
    if field in NUMBERS:
        if not value.isdigit() or sign == "~":
            raise invalid(f"Field `{field}` takes a number.", param="query")
    elif sign in (">", "<", ">=", "<=") or (not quoted and value != "null"):
        raise invalid(f"Field `{field}` takes a quoted string.", param="query")
    return Clause(field, key, sign, value if quoted or value != "null" else None, match["negated"] is not None)


def unparseable(query: str, position: int) -> Exception:
    return invalid(
        f"We were unable to parse your search query near: {query[position : position + 30]!r}", param="query"
    )


def search(kind: str, url: str) -> Callable[[Call, Obj], Obj]:
    """The handler of a search endpoint; results lag behind by the `search_lag` setting, in seconds."""

    def run(call: Call, params: Obj) -> Obj:
        limit = limit_of(params)
        clauses, any_suffices = parse_query(params["query"])
        below = page_start(params["page"]) if "page" in params else 2**62
        exact = {} if any_suffices else {
            f"metadata.{c.key}": c.value for c in clauses if c.key and c.value and c.sign == ":" and not c.negated
        }  # fmt: skip
        visible_until = call.now - int(call.store.setting("search_lag", 0))
        rows = call.store.select(kind, exact, below=below, created={"lte": visible_until})
        wanted = any if any_suffices else all
        found = [(seq, obj) for seq, obj in rows if wanted(item.holds(obj) for item in clauses)]
        page = found[:limit]
        more = len(found) > limit
        return {
            "object": "search_result",
            "data": [visible(obj) for _, obj in page],
            "has_more": more,
            "next_page": base64.urlsafe_b64encode(str(page[-1][0]).encode()).decode() if more else None,
            "url": url,
        }

    return run


def page_start(page: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(page))
    except ValueError as error:
        raise invalid("Invalid page token.", param="page") from error
