"""The one place where an error becomes an HTTP answer: refusal code → status, RFC 9457 problem+json, nothing leaked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi import ResponseSpec
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from api.statuses import STATUSES
from models.errors import Unavailable, refusal_of

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 2
"""Seconds after which a client may ask again when a neighbour was away."""

_BY_STATUS = {
    400: "malformed", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    413: "body_too_large", 415: "unsupported_media_type", 429: "too_many_requests",
}  # fmt: skip
_AWAY = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED,
         RPCStatusCode.CANCELLED, RPCStatusCode.ABORTED,
         # a workflow takes no message now: it meets a defect, or has ended in that moment
         RPCStatusCode.FAILED_PRECONDITION,
         # how the client says that the server went away in the middle of a call: "transport error", "h2 protocol error"
         RPCStatusCode.UNKNOWN, RPCStatusCode.INTERNAL)  # fmt: skip
_PLACE_NAMED = re.compile(r"(.*?) - at `(?:key` in `)?\$(.*)`", re.DOTALL)
_FIELD_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(.+)`")


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field of the body, or with one query or header parameter."""

    detail: str
    pointer: str | None = None
    """RFC 6901 JSON pointer into the body: `/shipping_address/country`."""
    parameter: str | None = None
    """Name of the query parameter or header."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem. `code` is for programs and never renamed, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]
    """What a client needs to react: `{"skus": …}`, `{"total": …}`; by code."""
    errors: list[FieldError] = []
    """Fields that are invalid, for the codes `invalid` and `malformed`."""


class Invalid(Exception):
    """A request that breaks the operation's schema, told field by field."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(*(error.detail for error in errors))
        self.errors = list(errors)

    @classmethod
    def body(cls, error: msgspec.ValidationError) -> "Invalid":
        """JSON, but not what the operation takes."""
        said = _PLACE_NAMED.fullmatch(str(error))
        detail, path = (said[1], said[2]) if said else (str(error), "")
        named = _FIELD_NAMED.match(detail)
        pointer = pointer_of(path) + (f"/{_escape(named[1])}" if named else "")
        return cls(FieldError(detail, pointer=pointer))


def pointer_of(path: str) -> str:
    """msgspec's path to a value as a JSON pointer: `.lines[0].sku` → `/lines/0/sku`.

    It does not tell the key of an object whose keys are free (`[...]`): the pointer then is that object's.
    """
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path)
    return "".join(f"/{_escape(name or index)}" for name, index in steps)


def answer(
    code: str,
    detail: str,
    facts: Mapping[str, Any] | None = None,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Any]:
    """A problem as an HTTP answer. A code we do not know (a newer worker's) is a refusal like any other: 422."""
    status = STATUSES.get(code, 422)
    title = code.replace("_", " ").capitalize()
    problem = Problem(f"urn:holdfast:problem:{code}", title, status, detail, code, dict(facts or {}), errors or [])
    return Response(msgspec.json.encode(problem), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_temporal_error(request: Request[Any, Any, Any], error: TemporalError) -> Response[Any]:
    """A refusal, ours or one that crossed Temporal; a server that is away; or a defect."""
    refusal = refusal_of(error)
    if refusal is not None:
        log.info("refused", code=refusal.code)  # without its facts: they may hold tokens
        headers = {"WWW-Authenticate": "Bearer"} if STATUSES.get(refusal.code) == 401 else {}
        if "retry_after" in refusal.facts:
            headers["Retry-After"] = str(refusal.facts["retry_after"])
        return answer(refusal.code, refusal.detail, refusal.facts, headers=headers)
    if isinstance(error, RPCError) and error.status in _AWAY:
        return on_unavailable(request, Unavailable("temporal", str(error)))
    return on_defect(request, error)


def on_unavailable(_: Request[Any, Any, Any], error: Unavailable) -> Response[Any]:
    """A neighbour did not answer: nothing is known to have happened, the same request may be sent again."""
    log.warning("unavailable", neighbour=error.neighbour, reason=str(error))
    return answer(
        "unavailable", "A part of the shop is not answering at the moment. Please try again.",
        {"neighbour": error.neighbour}, headers={"Retry-After": str(RETRY_AFTER)},
    )  # fmt: skip


def on_invalid(_: Request[Any, Any, Any], error: Invalid) -> Response[Any]:
    """The request breaks the operation's schema."""
    return answer("invalid", "The request is not valid: see `errors`.", errors=error.errors)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What the framework refuses before a handler runs."""
    if isinstance(error, ValidationException):
        return _on_invalid_parameters(error)
    if isinstance(error, InternalServerException) and "disconnected" in error.detail:
        return answer("malformed", "The request ended before its body did.")
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        return on_defect(request, error)
    detail = {
        404: "There is nothing at this address.",
        405: f"{request.method} is not possible here.",
        413: "The request's body is too large.",
    }.get(error.status_code, error.detail)
    allow = {name: value for name, value in (error.headers or {}).items() if name.lower() in ("allow", "retry-after")}
    return answer(code, detail, headers=allow)


def cannot_connect(error: BaseException) -> bool:
    """Whether this is how a Temporal client that connects when first used says that it cannot."""
    return isinstance(error, RuntimeError) and str(error).startswith("Failed client connect")


def on_defect(_: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Anything nobody foresaw: the log gets the trace, the client the request id to quote."""
    if cannot_connect(error):
        return on_unavailable(_, Unavailable("temporal", "cannot connect"))
    log.error("defect", exc_info=error)
    return answer("internal_error", "Something went wrong on our side. Quote the X-Request-Id when you ask about it.")


def _on_invalid_parameters(error: ValidationException) -> Response[Any]:
    found: list[FieldError] = []
    for item in error.extra if isinstance(error.extra, list) else []:
        key, detail = str(item.get("key", "")), str(item.get("message", ""))
        if key == "data":
            return answer("malformed", "A JSON body is required.", errors=[FieldError("missing", pointer="")])
        if item.get("source") == "path":
            return answer("not_found", "There is nothing at this address.")
        if item.get("source") == "header":
            key = key.replace("_", "-").title()
        found.append(FieldError(detail, parameter=key))
    if not found:  # a parameter that is missing altogether is told in words only
        found = [FieldError(error.detail.split(" for ")[0])]
    return answer("invalid", "The request is not valid: see `errors`.", errors=found)


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


HANDLERS: dict[int | type[Exception], Any] = {
    TemporalError: on_temporal_error,
    Unavailable: on_unavailable,
    Invalid: on_invalid,
    HTTPException: on_http_error,
    Exception: on_defect,
}
"""For the app: the nearest class in an error's line of descent decides."""


SIGNED_IN = ("unauthorized", "token_expired", "forbidden", "too_many_requests", "unavailable")
"""What every operation that needs a sign-in can be refused with."""


def refuses(*codes: str) -> dict[int, ResponseSpec]:
    """For an operation's documentation: the codes it can refuse with, by status; `malformed` is every operation's."""
    by_status: dict[int, list[str]] = {}
    for code in ("malformed", *codes):
        by_status.setdefault(STATUSES[code], []).append(f"`{code}`")
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=", ".join(listed), media_type=MEDIA_TYPE)
        for status, listed in sorted(by_status.items())
    }


def refuses_also(known: Mapping[int, ResponseSpec], codes: Iterable[str]) -> dict[int, ResponseSpec]:
    """What an operation documents, and these codes beside."""
    found = dict(known)
    for status, spec in refuses(*codes).items():
        told = found.get(status)
        if told is None:
            found[status] = spec
        elif told.data_container is Problem:
            listed = dict.fromkeys((*told.description.split(", "), *spec.description.split(", ")))
            found[status] = replace(told, description=", ".join(listed))
    return dict(sorted(found.items()))
