"""A server that holds requests against Meilisearch's published API, and answers as simply as it may.

What it takes, refuses and answers stands in `published.py`; its own answers are held against that too. As with the
real one, what is written is a task that is done later: here only while somebody waits for it, so that nobody can
forget to. It finds by comparing words, forgives nothing and ranks nothing: that is held against a real server by
`tests/models/search/test_contract.py`, where one is named.
"""

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from tests.dev.meilisearch.index import Index, Refused
from tests.dev.meilisearch.published import ERROR, KINDS_OF_ERROR, ROUTES, STATUSES, Route, Schema

IDENTITY = re.compile(r"^[A-Za-z0-9_-]{1,511}$")
DAY = "2026-01-01T00:00:00Z"


class StrictServer:
    """It, over real HTTP. `requests`: what was asked of it, in its order; `used`: by which routes."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.indexes: dict[str, Index] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.used: set[tuple[str, str]] = set()
        self.away = False
        """Answer 503 to everything."""
        self._tasks: list[dict[str, Any]] = []
        self._todo: dict[int, Callable[[], None]] = {}
        self._one_at_a_time = threading.Lock()
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
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        parts = urlsplit(request.path)
        found = _route(request.command, parts.path)
        if found is None:  # the real server says no word of it either
            _write(request, 404, None)
            return
        route, names = found
        try:
            if self.away:
                raise Refused("too_many_search_requests", "away")
            if "Authorization" not in request.headers:
                raise Refused("missing_authorization_header", "The Authorization header is missing.")
            if request.headers["Authorization"] != f"Bearer {self.key}":
                raise Refused("invalid_api_key", "The provided API key is invalid.")
            query = parse_qs(parts.query, keep_blank_values=True)
            body = _checked(route, request.headers.get("Content-Type"), raw, query)
            with self._one_at_a_time:
                self.requests.append((request.command, parts.path, body))
                self.used.add((route.method, route.path))
                status, answer = route.status, self._answer(route, names, query, body)
            _hold(answer, route.answer, "our own answer")
        except Refused as refused:
            status, answer = STATUSES.get(refused.code, 400), _error(refused)
            _hold(answer, ERROR, "our own answer")
        _write(request, status, answer)

    def _answer(self, route: Route, names: dict[str, str], query: dict[str, list[str]], body: Any) -> Any:
        uid = names.get("uid", "")
        match route.method, route.path:
            case "POST", "/indexes":
                return self._begin("indexCreation", body["uid"], lambda: self._create(body))
            case "GET", "/indexes/{uid}":
                return {"uid": uid, "primaryKey": self._index(uid).key, "createdAt": DAY, "updatedAt": DAY}
            case "DELETE", "/indexes/{uid}":
                return self._begin("indexDeletion", uid, lambda: self._delete(uid))
            case "PATCH", "/indexes/{uid}/settings":
                return self._begin("settingsUpdate", uid, lambda: self._made(uid).settings.update(body))
            case "POST", "/indexes/{uid}/documents":
                key = query.get("primaryKey", [None])[0]
                return self._begin("documentAdditionOrUpdate", uid, lambda: self._add(uid, key, body))
            case "POST", "/indexes/{uid}/documents/delete-batch":
                return self._begin("documentDeletion", uid, lambda: self._take_out(uid, body))
            case "POST", "/indexes/{uid}/documents/fetch":
                found = self._index(uid).passing(body.get("filter"), "invalid_document_filter")
                first, most = body.get("offset", 0), body.get("limit", 20)
                rows = [
                    {name: each[name] for name in body.get("fields") or each if name in each}
                    for each in found[first : first + most]
                ]
                return {"results": rows, "offset": first, "limit": most, "total": len(found)}
            case "POST", "/indexes/{uid}/search":
                return self._index(uid).search(body)
            case "GET", "/tasks/{number}":
                return self._task(names["number"])
        raise AssertionError(route)

    def _index(self, uid: str) -> Index:
        if uid not in self.indexes:
            raise Refused("index_not_found", f"Index `{uid}` not found.")
        return self.indexes[uid]

    def _made(self, uid: str, key: str | None = None) -> Index:
        """Whoever writes to an index that is not there makes it."""
        return self.indexes.setdefault(uid, Index(key))

    def _create(self, body: dict[str, Any]) -> None:
        if body["uid"] in self.indexes:
            raise Refused("index_already_exists", f"Index `{body['uid']}` already exists.")
        self._made(body["uid"], body.get("primaryKey"))

    def _delete(self, uid: str) -> None:
        self._index(uid)
        del self.indexes[uid]

    def _add(self, uid: str, key: str | None, documents: list[dict[str, Any]]) -> None:
        index = self._made(uid, key)
        if key not in (None, index.key):
            raise Refused("index_primary_key_already_exists", f"Index already has a primary key: `{index.key}`.")
        for document in documents:
            if "id" not in document:
                raise Refused("missing_document_id", "Document doesn't have a `id` attribute.")
            if not IDENTITY.match(str(document["id"])):
                raise Refused("invalid_document_id", f"Document identifier `{document['id']}` is invalid.")
            index.documents[document["id"]] = document

    def _take_out(self, uid: str, keys: list[Any]) -> None:
        for each in keys:
            self._index(uid).documents.pop(str(each), None)

    def _begin(self, kind: str, uid: str, effect: Callable[[], None]) -> dict[str, Any]:
        number = len(self._tasks)
        self._todo[number] = effect
        self._tasks.append(
            {"uid": number, "batchUid": None, "indexUid": uid, "status": "enqueued", "type": kind, "canceledBy": None,
             "details": None, "error": None, "duration": None, "enqueuedAt": DAY, "startedAt": None,
             "finishedAt": None}
        )  # fmt: skip
        return {"taskUid": number, "indexUid": uid, "status": "enqueued", "type": kind, "enqueuedAt": DAY}

    def _task(self, text: str) -> dict[str, Any]:
        """A task, one step further than at the last look; those before it are done before it."""
        if not text.isdecimal():
            raise Refused("invalid_task_uids", f"Invalid value in parameter `task_uid`: `{text}`.")
        if int(text) >= len(self._tasks):
            raise Refused("task_not_found", f"Task `{text}` not found.")
        task = self._tasks[int(text)]
        if task["status"] == "enqueued":
            task |= {"status": "processing", "batchUid": task["uid"], "startedAt": DAY}
        elif task["status"] == "processing":
            for number in sorted(each for each in self._todo if each <= task["uid"]):
                self._do(number)
        return task

    def _do(self, number: int) -> None:
        error = None
        try:
            self._todo.pop(number)()
        except Refused as refused:
            error = _error(refused)
        self._tasks[number] |= {"status": "failed" if error else "succeeded", "error": error, "startedAt": DAY,
                                "finishedAt": DAY, "duration": "PT0.1S"}  # fmt: skip


def _route(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    for route in ROUTES:
        named = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.path), path)
        if route.method == method and named:
            return route, named.groupdict()
    return None


def _checked(route: Route, kind: str | None, raw: bytes, query: dict[str, list[str]]) -> Any:
    """The body, if it and the query are as published."""
    for name in query:
        if name not in route.query:
            raise Refused("bad_request", f"Unknown parameter `{name}`: expected one of {list(route.query)}.")
    if route.fields is None and route.body is None:
        assert not raw, f"{route.path} takes no body"
        return None
    if kind is None:
        raise Refused("missing_content_type", "A Content-Type header is missing.")
    if kind != "application/json":
        raise Refused("invalid_content_type", f"The Content-Type `{kind}` is invalid.")
    if not raw:
        raise Refused("missing_payload", "A json payload is missing.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused("malformed_payload", str(error)) from error
    if route.fields is None:
        assert route.body
        _hold(body, route.body, route.code)
        return body
    _hold(body, {"type": "object"}, "bad_request")
    for name, value in body.items():
        if name not in route.fields:
            raise Refused("bad_request", f"Unknown field `{name}`: expected one of {list(route.fields)}.")
        _hold(value, route.fields[name], route.code_of(name))
    for name, code in route.required.items():
        if name not in body:
            raise Refused(code, f"Missing field `{name}`.")
    return body


def _hold(value: Any, schema: Schema, code: str) -> None:
    for error in Draft202012Validator(schema).iter_errors(value):
        raise Refused(code, f"{'/'.join(map(str, error.path))}: {error.message}")


def _error(refused: Refused) -> dict[str, str]:
    code = refused.code
    return {"message": refused.message, "code": code, "type": KINDS_OF_ERROR.get(code, "invalid_request"),
            "link": f"https://docs.meilisearch.com/errors#{code}"}  # fmt: skip


def _write(request: BaseHTTPRequestHandler, status: int, answer: Any) -> None:
    content = b"" if answer is None else json.dumps(answer).encode()
    request.send_response(status)
    if answer is not None:
        request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
