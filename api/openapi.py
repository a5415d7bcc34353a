"""The generated OpenAPI document, made as exact as the API itself: the schemas of bodies are the decoder's own.

The framework derives schemas from types by rules of its own, and forgets some of what msgspec enforces; so what
msgspec reads and writes is described by msgspec.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from inspect import cleandoc
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI, OpenAPIResponse, OpenAPIType, Operation, Parameter, RequestBody, Schema
from litestar.utils.helpers import unwrap_partial

from models.money import EXPONENTS, LARGEST

_KEY = Schema(
    type=OpenAPIType.STRING, min_length=1, max_length=255, pattern="^[ -~]+$",
    examples=["0d5e2b6e-2a0c-4c39-8e52-2f0a6b1f7a53"],
)  # fmt: skip
_CURSOR = Schema(type=OpenAPIType.STRING, pattern="^([A-Za-z0-9_-]{43})?$")
_WRITTEN_BETTER = {"Idempotency-Key": _KEY, "cursor": _CURSOR}
"""Parameters whose rule is in code that says more than a schema: here in its words."""
_BY_CODE: dict[str, dict[str, dict[str, Any]]] = {
    "Money": {"amount": {"minimum": -LARGEST, "maximum": LARGEST}, "currency": {"enum": sorted(EXPONENTS)}}
}
"""Rules of a value that its own code keeps."""
REF = "#/components/schemas/{name}"


@dataclass
class Described(Operation):
    """An operation as a client can rely on it: what the framework derives from Python's types, made true for HTTP."""

    def __post_init__(self) -> None:
        wants_account = self.security is not None and {} not in self.security
        self.parameters = [
            _as_sent(each) for each in self.parameters or []
            if isinstance(each, Parameter) and not (wants_account and each.name == "Cart-Token")
        ] or None  # fmt: skip
        if isinstance(self.request_body, RequestBody):
            nullable = any(_without_null(media.schema) for media in self.request_body.content.values())
            self.request_body.required = self.request_body.required and not nullable
        nothing = (self.responses or {}).get("204")
        if isinstance(nothing, OpenAPIResponse):
            nothing.content = None


def taking(body: RequestBody) -> type[Described]:
    """The same of an operation that reads its body itself."""

    @dataclass
    class Taking(Described):
        def __post_init__(self) -> None:
            self.request_body = body
            super().__post_init__()

    return Taking


def _without_null(schema: Any) -> Any:
    """The one other choice of a schema that allows null; None: it does not."""
    if not isinstance(schema, Schema) or not schema.one_of:
        return None
    kinds = [each for each in schema.one_of if not (isinstance(each, Schema) and each.type == OpenAPIType.NULL)]
    return kinds[0] if len(kinds) == 1 < len(schema.one_of) else None


def _as_sent(parameter: Parameter) -> Parameter:
    """A text is left out or given, but never null; of another type, the word null counts as left out."""
    schema = parameter.schema
    kind = _without_null(schema)
    if isinstance(kind, Schema) and kind.type == OpenAPIType.STRING and not kind.format and isinstance(schema, Schema):
        rules = {each.name: getattr(schema, each.name) for each in fields(schema) if each.name != "one_of"}
        schema = replace(kind, **{name: rule for name, rule in rules.items() if rule is not None})
    better = _WRITTEN_BETTER.get(parameter.name)
    if better is not None:
        schema = replace(better, description=parameter.description)
    return replace(parameter, schema=schema)


@dataclass
class Document(OpenAPI):
    """The whole document."""

    types: tuple[Any, ...] = ()
    """What bodies and answers are made of."""

    @property
    def _exclude_fields(self) -> set[str]:
        return {*super()._exclude_fields, "types"}

    def to_schema(self) -> dict[str, Any]:
        """The document as JSON."""
        told = super().to_schema()
        _, ours = msgspec.json.schema_components(self.types, schema_hook=_anything, ref_template=REF)
        for name, schema in ours.items():
            if "description" in schema:
                schema["description"] = cleandoc(schema["description"])
            for property_name, rules in _BY_CODE.get(name, {}).items():
                schema["properties"][property_name] |= rules
        told["components"]["schemas"] |= ours
        return told


@dataclass
class Told(OpenAPIConfig):
    """How the document is made."""

    handlers: tuple[HTTPRouteHandler, ...] = field(default=(), kw_only=True)
    """Whose bodies and answers it describes."""

    def to_openapi_schema(self) -> OpenAPI:
        """An empty document, to be filled by the framework."""
        made = super().to_openapi_schema()
        types = tuple(dict.fromkeys(kind for handler in self.handlers for kind in _types(handler)))
        return Document(**{each.name: getattr(made, each.name) for each in fields(made)}, types=types)


def _anything(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "Any JSON"}  # an empty schema would count as none
    raise NotImplementedError(kind)


def _types(handler: HTTPRouteHandler) -> Iterator[Any]:
    hints = get_type_hints(unwrap_partial(handler.fn), include_extras=True)
    answer = hints["return"]
    told = [hints.get("data"), *(get_args(answer) if get_origin(answer) is Response else (answer,))]
    for kind in (*told, *(spec.data_container for spec in (handler.responses or {}).values())):
        bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        for each in get_args(bare) or (bare,):
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                yield each
