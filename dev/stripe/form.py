"""Form bodies with nested keys, and the strictness of Stripe's parameter checks."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dev.stripe.errors import Obj, StripeError, invalid

Check = Callable[[Any, str], Any]

LARGEST_INTEGER = 2**63 - 1


def parse(text: str) -> Obj:
    """`a[b]=c&d[]=x` as nested dicts of strings; lists stay dicts keyed "0", "1", … until a check reads them."""
    root: Obj = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = key.split("[")
        place(root, [head, *(part.rstrip("]") for part in rest)], value)
    return root


def place(node: Obj, path: list[str], value: str) -> None:
    """Put one value at its nested place; `[]` opens the next list position."""
    for depth, part in enumerate(path[:-1]):
        if part == "":
            part = next_position(node, path[depth + 1])
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid object: {path[0]}", param=path[0])
        node = child
    last = path[-1]
    node[str(len(node)) if last == "" else last] = value


def next_position(node: Obj, following: str) -> str:
    """The list position `[]` means before a nested key: the last one, until that key repeats there."""
    last = str(len(node) - 1)
    if last in node and following not in ("", *node[last]):
        return last
    return str(len(node))


class Schema:
    """The parameters an endpoint knows: anything else is refused, as Stripe does."""

    def __init__(self, fields: Mapping[str, Check] | None = None, *, required: tuple[str, ...] = ()) -> None:
        self.fields = dict(fields or {})
        self.required = required

    def read(self, raw: Obj, prefix: str = "") -> Obj:
        unknown = [name for name in raw if name not in self.fields]
        if unknown:
            names = ", ".join(label(prefix, name) for name in unknown)
            plural = "s" if len(unknown) > 1 else ""
            raise invalid(
                f"Received unknown parameter{plural}: {names}",
                param=label(prefix, unknown[0]),
                code="parameter_unknown",
            )
        for name in self.required:
            if name not in raw:
                raise invalid(
                    f"Missing required param: {label(prefix, name)}.",
                    param=label(prefix, name),
                    code="parameter_missing",
                )
        return {name: self.fields[name](value, label(prefix, name)) for name, value in raw.items()}


def label(prefix: str, name: str) -> str:
    """A parameter's name as Stripe writes it: `card[number]`."""
    return f"{prefix}[{name}]" if prefix else name


def empty(param: str) -> StripeError:
    return invalid(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a "
        "non-empty value.",
        param=param,
        code="parameter_invalid_empty",
    )


def string(*, longest: int = 5000, unset: bool = False) -> Check:
    """Text; with `unset`, an empty string clears the field (read as None)."""

    def check(value: Any, param: str) -> str | None:
        if not isinstance(value, str):
            raise invalid("Invalid string: {...}", param=param)
        if value == "":
            if unset:
                return None
            raise empty(param)
        if len(value) > longest:
            raise invalid(f"Invalid string: {value[:20]}…; must be at most {longest} characters", param=param)
        return value

    return check


def integer(*, least: int = 0) -> Check:
    """A whole number, never a fraction, at least `least`."""

    def check(value: Any, param: str) -> int:
        if value == "":
            raise empty(param)
        digits = value.removeprefix("-") if isinstance(value, str) else ""
        if not (digits.isascii() and digits.isdigit()) or int(value) > LARGEST_INTEGER:
            shown = value if isinstance(value, str) else "{...}"
            raise invalid(f"Invalid integer: {shown}", param=param, code="parameter_invalid_integer")
        if int(value) < least:
            raise invalid(
                f"This value must be greater than or equal to {least}.",
                param=param,
                code="parameter_invalid_integer",
            )
        return int(value)

    return check


def boolean(value: Any, param: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=param)
    return bool(value == "true")


def one_of(*choices: str, unset: bool = False) -> Check:
    """One of a fixed set of words; with `unset`, an empty string clears the field (read as None)."""

    def check(value: Any, param: str) -> str | None:
        if value == "":
            if unset:
                return None
            raise empty(param)
        if value not in choices:
            last = f", or {choices[-1]}" if len(choices) > 2 else f" or {choices[-1]}"
            allowed = ", ".join(choices[:-1]) + last if len(choices) > 1 else choices[0]
            raise invalid(f"Invalid {param}: must be one of {allowed}", param=param)
        return str(value)

    return check


def list_of(item: Check) -> Check:
    def check(value: Any, param: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise invalid("Invalid array", param=param)
        ordered = sorted(value, key=int)
        return [item(value[key], f"{param}[{position}]") for position, key in enumerate(ordered)]

    return check


def nested(fields: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    schema = Schema(fields, required=required)

    def check(value: Any, param: str) -> Obj:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=param)
        return schema.read(value, param)

    return check


def metadata(value: Any, param: str) -> Obj:
    """Up to 50 short strings; an empty value removes its key, an empty `metadata` removes all (read as {"": ""})."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid("Invalid object: metadata is a flat set of strings", param=param)
    if len(value) > 50:
        raise invalid("You can specify up to 50 metadata keys.", param=param)
    for key, item in value.items():
        if len(key) > 40:
            raise invalid(f"Metadata keys can be at most 40 characters: {key}", param=label(param, key))
        if len(item) > 500:
            raise invalid(
                f"Metadata values can have up to 500 characters, but you passed in a value that is {len(item)} "
                "characters.",
                param=label(param, key),
            )
    return value


def merged_metadata(before: Obj, change: Obj) -> Obj:
    """Metadata after an update: given keys set, keys given as empty removed, the rest kept."""
    if "" in change:
        return {}
    return {key: item for key, item in (before | change).items() if item != ""}


ADDRESS = nested({name: string(unset=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
SHIPPING = nested(
    {
        "address": ADDRESS,
        "name": string(),
        "phone": string(unset=True),
        "carrier": string(unset=True),
        "tracking_number": string(unset=True),
    },
    required=("address", "name"),
)
BILLING = nested(
    {"address": ADDRESS, "email": string(unset=True), "name": string(unset=True), "phone": string(unset=True)}
)
CREATED = {name: integer() for name in ("gt", "gte", "lt", "lte")}


def created_range(value: Any, param: str) -> Obj:
    """`created=123` or `created[gte]=…`: seconds since 1970."""
    if isinstance(value, str):
        moment = integer()(value, param)
        return {"gte": moment, "lte": moment}
    return Schema(CREATED).read(value, param)


PAGE: dict[str, Check] = {
    "limit": integer(least=1),
    "starting_after": string(),
    "ending_before": string(),
    "created": created_range,
    "expand": list_of(string()),
}
