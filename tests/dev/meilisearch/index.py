"""An index as the strict server keeps it: what may be filtered and sorted by, and who passes."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

CONDITION = re.compile(r"^([a-z_.]+) (=|>=|<=|>|<) (?:'([^']*)'|(-?[0-9.e+]+|true|false))$")


class Refused(Exception):
    """What the real server would refuse."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Index:
    """One index: settings and documents."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.settings: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    def may(self, attribute: str, what: str, code: str) -> None:
        """Refuse an attribute that the settings do not name, as itself or as what it is nested in."""
        steps = attribute.split(".")
        named = self.settings.get(f"{what}ableAttributes") or []
        if not any(".".join(steps[:count]) in named for count in range(1, len(steps) + 1)):
            raise Refused(code, f"Attribute `{attribute}` is not {what}able.")

    def passing(self, conditions: Any, code: str) -> list[dict[str, Any]]:
        """Documents that pass a filter."""
        found = list(self.documents.values())
        for condition in [conditions] if isinstance(conditions, str) else conditions or []:
            match = CONDITION.match(condition)
            if not match:
                raise Refused(code, f"Was expecting an operation, found `{condition}`.")
            attribute, sign, text, bare = match.groups()
            self.may(attribute, "filter", code)
            found = [each for each in found if _holds(_values(each, attribute), sign, text if bare is None else bare)]
        return found

    def search(self, body: dict[str, Any]) -> dict[str, Any]:
        """One page of what has all words, as words or their beginnings."""
        orders = [each.rpartition(":") for each in body.get("sort") or []]
        for attribute, _, way in orders:
            if way not in ("asc", "desc") or "sort" not in self.settings.get("rankingRules", ["sort"]):
                raise Refused("invalid_search_sort", f"Invalid syntax for the sort parameter: `{attribute}:{way}`.")
            self.may(attribute, "sort", "invalid_search_sort")
        passing = self.passing(body.get("filter"), "invalid_search_filter")
        for attribute in body.get("facets") or []:
            self.may(attribute, "filter", "invalid_search_facets")
        asked = (body.get("q") or "").lower().split()
        texts = self.settings.get("searchableAttributes", [])
        found = []
        for document in passing:
            has = [word for text in texts for value in _values(document, text) for word in _words(value)]
            if all(any(word.startswith(each) for word in has) for each in asked):
                found.append(document)
        for attribute, _, way in reversed(orders):
            found.sort(key=lambda one: _values(one, attribute)[0], reverse=way == "desc")
        first, most = body.get("offset", 0), body.get("limit", 20)
        hits = [_hit(each, asked, body) for each in found[first : first + most]]
        answer: dict[str, Any] = {"hits": hits, "query": body.get("q") or "", "processingTimeMs": 1, "limit": most,
                                  "offset": first, "estimatedTotalHits": len(found)}  # fmt: skip
        if body.get("facets") is not None:
            answer["facetDistribution"] = {
                each: Counter(_text(value) for one in found for value in _values(one, each)) for each in body["facets"]
            }
            answer["facetStats"] = {}
        return answer


def _values(document: dict[str, Any], attribute: str) -> list[Any]:
    value: Any = document
    for step in attribute.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, list) else [] if value is None else [value]


def _holds(values: list[Any], sign: str, wanted: str) -> bool:
    if sign == "=":
        return any(_text(value) == wanted or _number(value) == _number(wanted) is not None for value in values)
    limit = _number(wanted)
    assert limit is not None
    tests = {">=": lambda v: v >= limit, "<=": lambda v: v <= limit, ">": lambda v: v > limit, "<": lambda v: v < limit}
    return any(tests[sign](number) for value in values if (number := _number(value)) is not None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except ValueError:
        return None


def _words(value: Any) -> Iterator[str]:
    yield from re.findall(r"\w+", str(value).lower())


def _hit(document: dict[str, Any], asked: list[str], body: Any) -> dict[str, Any]:
    hit = {name: document.get(name) for name in body["attributesToRetrieve"]}
    if body.get("showMatchesPosition"):
        spans: dict[str, list[dict[str, int]]] = {}
        for name in ("name", "description"):
            raw = str(document[name]).lower().encode()
            for each in asked:
                if (place := raw.find(each.encode())) >= 0:
                    spans.setdefault(name, []).append({"start": place, "length": len(each.encode())})
        hit["_matchesPosition"] = spans
    return hit
