"""A server that holds requests against Meilisearch's published API, and answers as simply as it may.

Written after the reference of version 1.16, field by field: what the real server would refuse is refused here, with its
error codes. It finds by comparing words, forgives nothing and ranks nothing: that is held against a real server by
`tests/models/search/test_contract.py`, where one is named.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

TEXTS = {"type": "array", "items": {"type": "string"}}
NUMBER = {"type": ["integer", "null"], "minimum": 0}
FLAG = {"type": "boolean"}


def _only(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


FILTER = {"anyOf": [{"type": ["string", "null"]},
                    {"type": "array", "items": {"anyOf": [{"type": "string"}, TEXTS]}}]}  # fmt: skip
NEW_INDEX = _only({"uid": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,400}$"},
                   "primaryKey": {"type": ["string", "null"]}}, "uid")  # fmt: skip
SEARCH = _only(
    {
        "q": {"type": ["string", "null"]}, "vector": {}, "hybrid": {}, "offset": NUMBER, "limit": NUMBER,
        "page": NUMBER, "hitsPerPage": NUMBER, "attributesToRetrieve": TEXTS, "retrieveVectors": FLAG,
        "attributesToCrop": {"anyOf": [TEXTS, {"type": "null"}]}, "cropLength": NUMBER,
        "attributesToHighlight": {"anyOf": [TEXTS, {"type": "null"}]}, "showMatchesPosition": FLAG,
        "showRankingScore": FLAG, "showRankingScoreDetails": FLAG, "filter": FILTER,
        "sort": {"anyOf": [TEXTS, {"type": "null"}]}, "distinct": {"type": ["string", "null"]},
        "facets": {"anyOf": [TEXTS, {"type": "null"}]}, "highlightPreTag": {"type": "string"},
        "highlightPostTag": {"type": "string"}, "cropMarker": {"type": "string"},
        "matchingStrategy": {"enum": ["last", "all", "frequency"]},
        "attributesToSearchOn": {"anyOf": [TEXTS, {"type": "null"}]},
        "rankingScoreThreshold": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "locales": {"anyOf": [TEXTS, {"type": "null"}]},
    }
)  # fmt: skip
FETCH = _only({"offset": NUMBER, "limit": NUMBER, "fields": TEXTS, "filter": FILTER, "retrieveVectors": FLAG,
               "ids": TEXTS, "sort": TEXTS})  # fmt: skip
SETTINGS = _only(
    {
        "synonyms": {"type": "object", "additionalProperties": TEXTS},
        "rankingRules": {"type": "array", "items": {
            "type": "string",
            "pattern": r"^(words|typo|proximity|attribute|sort|exactness|[A-Za-z0-9_.-]+:(asc|desc))$",
        }},
        "searchableAttributes": TEXTS, "displayedAttributes": TEXTS, "filterableAttributes": TEXTS,
        "sortableAttributes": TEXTS, "stopWords": TEXTS, "distinctAttribute": {"type": "string"},
        "typoTolerance": _only({
            "enabled": FLAG, "disableOnWords": TEXTS, "disableOnAttributes": TEXTS, "disableOnNumbers": FLAG,
            "minWordSizeForTypos": _only({"oneTypo": NUMBER, "twoTypos": NUMBER}),
        }),
        "faceting": _only({"maxValuesPerFacet": NUMBER, "sortFacetValuesBy": {"type": "object"}}),
        "pagination": _only({"maxTotalHits": NUMBER}),
    }
)  # fmt: skip
IDENTITY = re.compile(r"^[A-Za-z0-9_-]{1,511}$")
CONDITION = re.compile(r"^([a-z_.]+) (=|>=|<=|>|<) (?:'([^']*)'|(-?[0-9.e+]+|true|false))$")
SEARCH_AT_MOST = 10_000


class Refused(Exception):
    """What the real server would refuse."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Index:
    """One index: settings and documents."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.settings: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    def may(self, attribute: str, what: str) -> None:
        """Refuse an attribute that the settings do not name, as itself or as what it is nested in."""
        steps = attribute.split(".")
        named = self.settings.get(f"{what}ableAttributes", [])
        if not any(".".join(steps[:count]) in named for count in range(1, len(steps) + 1)):
            raise Refused(400, f"invalid_search_{what}", f"Attribute `{attribute}` is not {what}able.")

    def passing(self, conditions: Any) -> list[dict[str, Any]]:
        """Documents that pass a filter."""
        found = list(self.documents.values())
        for condition in [conditions] if isinstance(conditions, str) else conditions or []:
            match = CONDITION.match(condition)
            if not match:
                raise Refused(400, "invalid_search_filter", f"Was expecting an operation, found `{condition}`.")
            attribute, sign, text, bare = match.groups()
            self.may(attribute, "filter")
            found = [each for each in found if _holds(_values(each, attribute), sign, text if bare is None else bare)]
        return found


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


class StrictServer:
    """It, over real HTTP. `requests`: what was asked of it, in its order."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.indexes: dict[str, Index] = {}
        self.tasks: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.away = False
        """Answer 503 to everything."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                outer._serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _any

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        status, answer = 200, None
        try:
            if self.away:
                raise Refused(503, "internal", "away")
            if request.headers.get("Authorization") != f"Bearer {self.key}":
                raise Refused(403, "invalid_api_key", "The provided API key is invalid.")
            if raw and request.headers.get("Content-Type") != "application/json":
                raise Refused(415, "invalid_content_type", "Send application/json.")
            body = json.loads(raw) if raw else None
            parts = urlsplit(request.path)
            self.requests.append((str(request.command), parts.path, body))
            status, answer = self._answer(
                request.command, parts.path.strip("/").split("/"), parse_qs(parts.query), body
            )
        except Refused as refused:
            kind = "auth" if refused.status == 403 else "invalid_request"
            status, answer = (
                refused.status,
                {"message": refused.message, "code": refused.code, "type": kind, "link": ""},
            )
        content = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _answer(self, method: str, path: list[str], query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        match method, path:
            case "GET", ["tasks", number] if int(number) < len(self.tasks):
                return 200, self.tasks[int(number)]
            case "POST", ["indexes"]:
                _check(body, NEW_INDEX, "invalid_index_uid")
                if body["uid"] in self.indexes:
                    return 202, self._task("indexCreation", body["uid"], "index_already_exists")
                self.indexes[body["uid"]] = Index(body.get("primaryKey"))
                return 202, self._task("indexCreation", body["uid"])
            case "GET", ["indexes", uid]:
                index, day = self._index(uid), "2026-01-01T00:00:00Z"
                return 200, {"uid": uid, "primaryKey": index.key, "createdAt": day, "updatedAt": day}
            case "DELETE", ["indexes", uid]:
                known = self.indexes.pop(uid, None)
                return 202, self._task("indexDeletion", uid, None if known else "index_not_found")
            case "PATCH", ["indexes", uid, "settings"]:
                _check(body, SETTINGS, "bad_request")
                self._index(uid).settings |= body
                return 202, self._task("settingsUpdate", uid)
            case "POST", ["indexes", uid, "documents"]:
                return self._add(uid, query, body)
            case "POST", ["indexes", uid, "documents", "delete-batch"]:
                _check(body, TEXTS, "bad_request")
                for each in body:
                    self._index(uid).documents.pop(each, None)
                return 202, self._task("documentDeletion", uid)
            case "POST", ["indexes", uid, "documents", "fetch"]:
                _check(body, FETCH, "bad_request")
                found = self._index(uid).passing(body.get("filter"))
                first, most = body.get("offset") or 0, body.get("limit", 20)
                rows = [{name: each.get(name) for name in body["fields"]} for each in found[first : first + most]]
                return 200, {"results": rows, "offset": first, "limit": most, "total": len(found)}
            case "POST", ["indexes", uid, "search"]:
                return 200, self._search(self._index(uid), body)
        raise Refused(404, "not_found", f"{method} /{'/'.join(path)}")

    def _add(self, uid: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        _check(body, {"type": "array", "items": {"type": "object"}}, "malformed_payload")
        index = self._index(uid)
        if set(query) - {"primaryKey", "csvDelimiter"} or query.get("primaryKey", [index.key]) != [index.key]:
            raise Refused(400, "bad_request", f"Unknown parameters {query}.")
        for document in body:
            if not IDENTITY.match(str(document.get("id"))):
                return 202, self._task("documentAdditionOrUpdate", uid, "invalid_document_id")
            index.documents[document["id"]] = document
        return 202, self._task("documentAdditionOrUpdate", uid)

    def _search(self, index: Index, body: Any) -> dict[str, Any]:
        _check(body, SEARCH, "bad_request")
        for each in body.get("sort") or []:
            attribute, _, way = each.rpartition(":")
            if way not in ("asc", "desc"):
                raise Refused(400, "invalid_search_sort", f"Invalid syntax for the sort parameter: `{each}`.")
            index.may(attribute, "sort")
        for attribute in body.get("facets") or []:
            index.may(attribute, "filter")
        asked = (body.get("q") or "").lower().split()
        texts = index.settings.get("searchableAttributes", [])
        found = []
        for document in index.passing(body.get("filter")):
            has = [word for text in texts for value in _values(document, text) for word in _words(value)]
            if all(any(word.startswith(each) for word in has) for each in asked):
                found.append(document)
        for each in reversed(body.get("sort") or []):
            attribute, _, way = each.rpartition(":")
            found.sort(key=lambda one: _values(one, attribute)[0], reverse=way == "desc")
        first, most = body.get("offset") or 0, body.get("limit", 20)
        hits = [_hit(each, asked, body) for each in found[first : first + most]]
        answer: dict[str, Any] = {"hits": hits, "query": body.get("q") or "", "processingTimeMs": 1, "limit": most,
                                  "offset": first, "estimatedTotalHits": len(found)}  # fmt: skip
        if body.get("facets") is not None:
            answer["facetDistribution"] = {
                each: Counter(_text(value) for one in found for value in _values(one, each)) for each in body["facets"]
            }
            answer["facetStats"] = {}
        return answer

    def _index(self, uid: str) -> Index:
        if uid not in self.indexes:
            raise Refused(404, "index_not_found", f"Index `{uid}` not found.")
        return self.indexes[uid]

    def _task(self, kind: str, uid: str, error: str | None = None) -> dict[str, Any]:
        number, day = len(self.tasks), "2026-01-01T00:00:00Z"
        status = "failed" if error else "succeeded"
        self.tasks.append(
            {"uid": number, "indexUid": uid, "status": status, "type": kind, "enqueuedAt": day, "startedAt": day,
             "finishedAt": day, "duration": "PT0.1S", "error": {"code": error, "message": error} if error else None}
        )  # fmt: skip
        return {"taskUid": number, "indexUid": uid, "status": "enqueued", "type": kind, "enqueuedAt": day}


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


def _check(body: Any, schema: dict[str, Any], code: str) -> None:
    for error in Draft202012Validator(schema).iter_errors(body):
        raise Refused(400, code, f"{'/'.join(map(str, error.path))}: {error.message}")
