"""What the address of a page asks for: a field that was left empty asks for nothing."""

from typing import TypeVar

import msgspec

from api.context import StrictRequest
from api.problems import FieldError, Invalid

T = TypeVar("T")


def asked(request: StrictRequest, kind: type[T]) -> T:
    """The query as a struct. Raises: Invalid."""
    given = {name: value.strip() for name, value in request.query_params.dict().items() for value in value[-1:]}
    try:
        return msgspec.convert({name: value for name, value in given.items() if value}, kind, strict=False)
    except msgspec.ValidationError as error:
        found = Invalid.body(error).errors[0]
        raise Invalid(FieldError(found.detail, parameter=(found.pointer or "").strip("/"))) from error
