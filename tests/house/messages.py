"""Every message of ours that Temporal carries, found in the signatures of workflows and activities."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
import temporalio.activity
import temporalio.workflow
from msgspec import inspect as types

from models.address import Address
from models.money import Money

ROOT = Path(__file__).parents[2]


def modules(room: str) -> list[Any]:
    """The modules of a room."""
    paths = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / room).rglob("*.py"))
    return [importlib.import_module(".".join(path.parts)) for path in paths if path.name != "__init__"]


@cache
def workflow_definitions() -> dict[str, type]:
    """Every `@workflow.defn` by its name."""
    found = {}
    for module in modules("workflows"):
        for _, each in inspect.getmembers(module, inspect.isclass):
            definition = temporalio.workflow._Definition.from_class(each)
            if definition is not None and each.__module__ == module.__name__:
                found[definition.name or each.__name__] = each
    return found


@cache
def activity_definitions() -> dict[str, Callable[..., Any]]:
    """Every `@activity.defn` by its name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in modules("activities"):
        own = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
        for holder in (module, *own):
            for _, each in inspect.getmembers(holder, inspect.isfunction):
                definition = temporalio.activity._Definition.from_callable(each)
                if definition is not None:
                    assert definition.name not in found or found[definition.name] is each, definition.name
                    found[definition.name or each.__name__] = each
    return found


def _handlers() -> Iterator[Callable[..., Any]]:
    yield from activity_definitions().values()
    for workflow in workflow_definitions().values():
        definition = temporalio.workflow._Definition.must_from_class(workflow)
        yield definition.run_fn
        yield from (signal.fn for signal in definition.signals.values())
        yield from (query.fn for query in definition.queries.values())
        yield from (update.fn for update in definition.updates.values())


@cache
def messages() -> list[type[msgspec.Struct]]:
    """Every struct in a signature, and every struct inside those."""
    found: dict[str, type[msgspec.Struct]] = {}
    for handler in _handlers():
        for hint in get_type_hints(handler).values():
            if hint is not type(None):
                _collect(types.type_info(hint), found)
    return [found[name] for name in sorted(found)]


def _collect(kind: types.Type, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(kind, types.StructType):
        known = found.setdefault(kind.cls.__name__, kind.cls)
        assert known is kind.cls, f"two messages are called {known.__name__}: {known.__module__}, {kind.cls.__module__}"
        for field in kind.fields:
            _collect(field.type, found)
    elif isinstance(kind, types.UnionType):
        for each in kind.types:
            _collect(each, found)
    elif isinstance(kind, types.VarTupleType | types.ListType | types.SetType):
        _collect(kind.item_type, found)
    elif isinstance(kind, types.TupleType):
        for each in kind.item_types:
            _collect(each, found)
    elif isinstance(kind, types.DictType):
        _collect(kind.value_type, found)


def schemas() -> dict[str, Any]:
    """The JSON Schema of every message, by name; without the docstrings, which may change."""
    _, components = msgspec.json.schema_components(messages(), ref_template="{name}", schema_hook=_anything)
    return {name: _bare(components[name]) for name in sorted(components)}


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _bare(value) for key, value in schema.items() if key != "description" or not isinstance(value, str)}


def _anything(kind: type) -> dict[str, Any]:
    if kind is not object:
        raise NotImplementedError
    return {"description": "any JSON"}


def example(kind: type[msgspec.Struct], *, sparse: bool = False) -> Any:
    """A message with every field filled; sparse: with only those that have no default."""
    return _example(types.type_info(kind), sparse)


_SIMPLE: dict[type[types.Type], Any] = {
    types.StrType: "text with ünïcode", types.IntType: 7, types.FloatType: 1.5, types.BoolType: True,
    types.NoneType: None, types.AnyType: {"any": [1, None]}, types.UUIDType: UUID(int=2**100),
    types.DateTimeType: datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), types.TimeDeltaType: timedelta(seconds=1.5),
    types.BytesType: b"\x00\xff", types.DateType: date(2026, 1, 2),
}  # fmt: skip


def _example(kind: types.Type, sparse: bool) -> Any:
    match kind:
        case types.StructType(cls=cls) if cls is Money:
            return Money(1999, "usd")
        case types.StructType(cls=cls) if cls is Address:
            more = {} if sparse else {"line2": "attic", "region": "BE", "phone": "+49 30 1"}
            return Address("Ada Lovelace", "Main St 1", "Berlin", "10115", "DE", **more)
        case types.StructType(cls=cls, fields=fields):
            wanted = [field for field in fields if field.required or not sparse]
            return cls(**{field.name: _example(field.type, sparse) for field in wanted})
        case types.UnionType(types=options):
            filled = [each for each in options if not isinstance(each, types.NoneType)]
            return None if sparse and len(filled) < len(options) else _example(filled[0], sparse)
        case types.EnumType(cls=words):
            return list(words)[-1] if issubclass(words, Enum) else None
        case types.VarTupleType(item_type=item):
            return () if sparse else (_example(item, sparse), _example(item, sparse))
        case types.TupleType(item_types=items):
            return tuple(_example(item, sparse) for item in items)
        case types.ListType(item_type=item):
            return [] if sparse else [_example(item, sparse)]
        case types.DictType(value_type=value):
            return {} if sparse else {"a": _example(value, sparse)}
        case types.CustomType(cls=anything) if anything is object:
            return {"any": [1, None]}
    return _SIMPLE[type(kind)]
