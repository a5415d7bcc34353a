"""Bodies that are no JSON: forms with files in them, read by the operation itself and described in its own words."""

import re
from typing import Any

from litestar.datastructures import FormMultiDict, UploadFile
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema

from api.context import StrictRequest
from api.problems import FieldError, Invalid
from models.errors import Refusal

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]").fullmatch
"""RFC 2046."""
_PRINTED = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*").fullmatch


async def read_form(request: StrictRequest, *known: str) -> FormMultiDict:
    """The fields of a form, its files on disk when they are large.

    Raises: Refusal `unsupported_media_type`, `malformed`; Invalid for a field that is none of the `known`, or is there
    twice.
    """
    kind, options = request.content_type
    if kind != RequestEncodingType.MULTI_PART:
        raise Refusal("unsupported_media_type", "Send a form with a file: `Content-Type: multipart/form-data`.")
    if not _BOUNDARY(options.get("boundary", "")):
        raise Refusal("malformed", "The content type does not say how the parts of the form are told apart.")
    try:
        form = await request.form()
    except (UnicodeDecodeError, LookupError) as error:
        raise Refusal("malformed", "A field of the form is not written in UTF-8.") from error
    for name in form:
        if name not in known:
            raise Invalid(FieldError("No such field", pointer=_pointer(name)))
        if len(form.getall(name)) > 1:
            raise Invalid(FieldError("Given twice", pointer=_pointer(name)))
    return form


def file_of(form: FormMultiDict, name: str) -> UploadFile:
    """The file of a form. Raises: Invalid when there is none."""
    found = form.get(name)
    if not isinstance(found, UploadFile):
        raise Invalid(FieldError("Expected a file, sent with a file name", pointer=_pointer(name)))
    return found


def text_of(form: FormMultiDict, name: str, longest: int) -> str:
    """A line of text, "" when it is left out. Raises: Invalid when it is too long or no line."""
    found = form.get(name, "")
    if not isinstance(found, str) or len(found) > longest or not _PRINTED(found):
        raise Invalid(FieldError(f"Expected a line of at most {longest} characters", pointer=_pointer(name)))
    return found


def form_body(description: str, required: list[str], **fields: Schema) -> RequestBody:
    """How a form is documented."""
    schema = Schema(type=OpenAPIType.OBJECT, properties=dict(fields), required=required, additional_properties=False)
    media: Any = OpenAPIMediaType(schema=schema)
    return RequestBody({RequestEncodingType.MULTI_PART: media}, description=description, required=True)


def _pointer(name: str) -> str:
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")
