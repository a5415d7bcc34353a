"""The words of letters: the built-in ones, the shop's own instead, how both look, and the way back."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import JSONBody, Parameter

from api.admin.changes import Reason, WhyAsked, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.repeats import once, scope_of
from models.database import Writer
from models.errors import Refusal
from models.roles import Scope
from models.tables import mail_template as templates
from models.tables.mail_template import TemplateSource, TemplateVersion
from models.wording import own
from models.wording.composing import TEMPLATES, Composed, Source, compose, source_of
from models.wording.languages import LANGUAGES
from models.wording.samples import SAMPLES, facts_of
from models.wording.sandbox import LONGEST, Unusable

Template = Annotated[str, Parameter(description="Name of a letter: `order_confirmed`")]
Language = Annotated[str, Parameter(description="One of the languages of the shop: `de`")]
Number = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="Number of a version")]

_SUBJECT = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        examples=["Order {{ number }} is confirmed"],
    ),
]  # fmt: skip
_BODY = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=LONGEST, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        examples=["{{ greeting() }}\n\nThank you for order {{ number }}.\n\n{{ basket() }}"],
    ),
]  # fmt: skip
_HTML = Annotated[_BODY, msgspec.Meta(description="Null: made of the text, in the layout that all letters share")]


class NewSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a letter says from now on."""

    subject: _SUBJECT
    text: _BODY
    html: _HTML | None = None
    reason: Reason | None = None


class LookAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to show: a source as it is written here, or a version, or (neither) what is in force."""

    subject: _SUBJECT | None = None
    text: _BODY | None = None
    html: _HTML | None = None
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    sample: Annotated[int, msgspec.Meta(ge=0, le=99, description="Which of the ways in which it can be said")] = 0

    def __post_init__(self) -> None:
        if (self.subject is None) != (self.text is None) or (self.html is not None and self.text is None):
            raise ValueError("a source has a subject and a text")
        if self.version is not None and self.text is not None:
            raise ValueError("either a source or a version")


class Because(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason | None = None


class TemplateCard(msgspec.Struct, frozen=True):
    """A letter in a language."""

    template: str
    language: str
    active: int | None
    """The version of the shop's own that letters are made of; null: the built-in source."""
    versions: int
    failures: int
    """Letters for which the active version could not be used; they left as the built-in source has them."""
    failure: str | None
    """Why not, the last time."""
    changed_at: datetime | None


class TemplateList(msgspec.Struct, frozen=True):
    """All letters in all languages."""

    items: list[TemplateCard]
    next_cursor: None = None
    """There is one page."""
    total: int | None = None


class TemplateView(msgspec.Struct, frozen=True):
    """A letter in a language: what it is made of."""

    template: str
    language: str
    active: int | None
    """Null: the built-in source."""
    source: Source
    """What is in force."""
    built_in: Source
    facts: list[str]
    """Names that a source may use. Not every letter has all: `{% if coupons is defined %}`, `| default(none)`."""
    samples: int
    """Ways in which it can be said: a preview shows one, a new source is tried with all."""
    versions: list[TemplateVersion]
    """Newest first, a hundred at most."""


@get(
    "/admin/mail-templates", operation_id="listMailTemplates", access=Scope.LETTERS_READ, tags=["Staff"],
    summary="Letters that the shop writes", responses=staff_refuses("invalid"),
)  # fmt: skip
async def list_mail_templates(house: House) -> TemplateList:
    """By name and language: of which there are words of the shop's own."""
    known = {(each.template, each.language): each for each in await templates.overview(house.database)}
    cards = []
    for name in TEMPLATES:
        for language in LANGUAGES:
            own_one = known.get((name, language))
            cards.append(
                TemplateCard(
                    name, language, own_one.active, own_one.versions, own_one.failures, own_one.failure,
                    own_one.changed_at,
                ) if own_one else TemplateCard(name, language, None, 0, 0, None, None)
            )  # fmt: skip
    return TemplateList(cards, total=len(cards))


@get(
    "/admin/mail-templates/{template:str}/{language:str}", operation_id="readMailTemplate", access=Scope.LETTERS_READ,
    tags=["Staff"], summary="What a letter is made of", responses=staff_refuses("mail_template_not_found"),
)  # fmt: skip
async def read_mail_template(house: House, template: Template, language: Language) -> TemplateView:
    """The source in force, the built-in one, what a source may say, and all versions."""
    _known(template, language)
    return await _view(house, template, language)


@put(
    "/admin/mail-templates/{template:str}/{language:str}", operation_id="putMailTemplate", access=Scope.LETTERS_WORD,
    tags=["Staff"], summary="Say a letter in words of one's own",
    responses=staff_refuses("mail_template_not_found", "mail_template_unusable", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def put_mail_template(
    house: House, caller: Caller, template: Template, language: Language, data: JSONBody[NewSource]
) -> TemplateView:
    """A new version, in force at once for every letter that leaves from now on; again with the same words: nothing.

    It is tried first, with every way in which this letter can be said: 422 tells what cannot be used, and its line.
    """
    _known(template, language)
    source = Source(data.subject, data.text, data.html)
    _try(template, language, source)
    async with house.database.writing() as writer:
        await templates.lock(writer, template, language)
        was = await templates.find(writer, template, language)
        if was is None or was.source != source:
            version = await templates.put(writer, template, language, source, caller.account, data.reason)
            await _note(writer, caller, "put", template, language, was, version, data.reason)
    return await _view(house, template, language)


@delete(
    "/admin/mail-templates/{template:str}/{language:str}", operation_id="dropMailTemplate", access=Scope.LETTERS_WORD,
    tags=["Staff"], summary="Say a letter in the built-in words again",
    responses=staff_refuses("mail_template_not_found", "invalid"),
)  # fmt: skip
async def drop_mail_template(
    house: House, caller: Caller, template: Template, language: Language, reason: WhyAsked = None
) -> Response[None]:
    """Versions stay, and can be activated again."""
    _known(template, language)
    async with house.database.writing() as writer:
        await templates.lock(writer, template, language)
        was = await templates.find(writer, template, language)
        if was is not None:
            await templates.rest(writer, template, language)
            await _note(writer, caller, "rest", template, language, was, None, reason)
    return Response(None, status_code=204)


@get(
    "/admin/mail-templates/{template:str}/{language:str}/versions/{number:int}", operation_id="readMailTemplateVersion",
    access=Scope.LETTERS_READ, tags=["Staff"], summary="A version of a letter's source",
    responses=staff_refuses("mail_template_not_found"),
)  # fmt: skip
async def read_mail_template_version(
    house: House, template: Template, language: Language, number: Number
) -> TemplateSource:
    """Whether in force or not."""
    _known(template, language)
    async with house.database.reading() as reader:
        return _there(await templates.find(reader, template, language, number))


@post(
    "/admin/mail-templates/{template:str}/{language:str}/versions/{number:int}/activate",
    operation_id="activateMailTemplateVersion", access=Scope.LETTERS_WORD, tags=["Staff"],
    summary="Say a letter as an earlier version did", status_code=200,
    responses=staff_refuses("mail_template_not_found", "mail_template_unusable", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def activate_mail_template_version(
    request: StrictRequest, house: House, caller: Caller, template: Template, language: Language, number: Number,
    data: JSONBody[Because], idempotency: IdempotencyKey = None,
) -> TemplateSource:  # fmt: skip
    """It is tried as a new one is: facts may have changed since."""
    _known(template, language)

    async def activate(writer: Writer) -> TemplateSource:
        await templates.lock(writer, template, language)
        found = _there(await templates.find(writer, template, language, number))
        if found.active:
            return found
        _try(template, language, found.source)
        was = await templates.find(writer, template, language)
        await templates.activate(writer, template, language, number)
        await _note(writer, caller, "activate", template, language, was, number, data.reason)
        return msgspec.structs.replace(found, active=True)

    scope = scope_of(request, caller, f"POST /admin/mail-templates/{template}/{language}/versions/{number}/activate")
    return await once(house, scope, idempotency_key(idempotency), data, TemplateSource, activate)


@post(
    "/admin/mail-templates/{template:str}/{language:str}/preview", operation_id="previewMailTemplate",
    access=Scope.LETTERS_READ, tags=["Staff"], summary="What a letter looks like", status_code=200,
    responses=staff_refuses("mail_template_not_found", "mail_template_unusable", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def preview_mail_template(
    house: House, template: Template, language: Language, data: JSONBody[LookAt]
) -> Composed:
    """Made of a source that is kept nowhere, of a version, or of what is in force; with facts that are made up."""
    _known(template, language)
    samples = SAMPLES[template]
    facts = samples[min(data.sample, len(samples) - 1)]
    source: Source | None = None
    if data.subject is not None and data.text is not None:
        source = Source(data.subject, data.text, data.html)
    else:
        async with house.database.reading() as reader:
            found = await templates.find(reader, template, language, data.version)
        if data.version is not None:
            found = _there(found)
        source = found.source if found else None
    try:
        return compose(template, language, facts, source)
    except Unusable as wrong:
        raise _unusable(wrong) from wrong


async def _view(house: House, template: str, language: str) -> TemplateView:
    async with house.database.reading() as reader:
        found = await templates.find(reader, template, language)
    built_in = source_of(template, language)
    return TemplateView(
        template, language, found.version if found else None, found.source if found else built_in, built_in,
        facts_of(template), len(SAMPLES[template]), await templates.versions(house.database, template, language),
    )  # fmt: skip


async def _note(
    writer: Writer, caller: Caller, did: str, template: str, language: str, was: TemplateSource | None,
    version: int | None, reason: str | None,
) -> None:  # fmt: skip
    before, after = {"version": was.version if was else None}, {"version": version}
    await write_down(
        writer, caller, f"mail_template.{did}", f"{template}/{language}", before=before, after=after, reason=reason
    )


def _try(template: str, language: str, source: Source) -> None:
    try:
        own.check(template, language, source)
    except Unusable as wrong:
        raise _unusable(wrong) from wrong


def _unusable(wrong: Unusable) -> Refusal:
    return Refusal(
        "mail_template_unusable", f"No letter can be made of this: {wrong}.",
        part=wrong.part, line=wrong.line, why=wrong.why,
    )  # fmt: skip


def _known(template: str, language: str) -> None:
    if template not in TEMPLATES or language not in LANGUAGES:
        raise Refusal("mail_template_not_found", "There is no such letter, or it is not written in this language.")


def _there(found: TemplateSource | None) -> TemplateSource:
    if found is None:
        raise Refusal("mail_template_not_found", "There is no such version.")
    return found


handlers = [
    list_mail_templates, read_mail_template, put_mail_template, drop_mail_template, read_mail_template_version,
    activate_mail_template_version, preview_mail_template,
]  # fmt: skip
