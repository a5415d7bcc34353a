"""Letters at staff's desk: which wait, left or reached nobody, and why; one is sent again when somebody says so."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import jinja2
import msgspec
import structlog
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api import pages
from api.admin.changes import Reason, WhyAsked, write_down
from api.admin.readings import LIST, write_down_reading
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import OrderNumber
from models.letter import Letter, LetterStatus
from models.roles import Scope, may
from models.tables import bounce as bounces
from models.tables import letter_desk as desk
from models.tables import mail_template as templates
from models.tables import outbox
from models.tables.bounce import Bounce
from models.tables.letter_desk import LetterCard, Sought
from models.wording.composing import Composed
from models.wording.own import Own, worded

log = structlog.get_logger()

BLOT = "••••••"
"""Stands where a letter has a code: it is for its reader alone."""

_WORDS = r"^[^\x00-\x1f\x7f]+$(?!\n)"
OfStatus = Annotated[LetterStatus | None, QueryParameter(name="status", description="Only those that are so far")]
OfOrder = Annotated[
    str | None, QueryParameter(name="order", max_length=40, pattern=_WORDS, description="Only those about this order")
]
OfTemplate = Annotated[
    str | None,
    QueryParameter(name="template", max_length=60, pattern=r"^[a-z_]+$(?!\n)", description="Only such letters"),
]
WithError = Annotated[
    str | None,
    QueryParameter(
        name="error", min_length=1, max_length=100, pattern=_WORDS, description="Only with this in their error"
    ),
]


class LetterList(msgspec.Struct, frozen=True):
    """One page of letters, newest first."""

    items: list[LetterCard]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class LetterView(LetterCard, frozen=True, kw_only=True):
    """A letter, and for whoever may see people (`users:read`) whom it is for and what it says."""

    to: str | None = None
    """Null: the shop's own people, an account that is gone, or not yours to see."""
    bounce: str | None = None
    """What a mail server said last of this address; null: nothing bad."""
    composed: Composed | None = None
    """As it would leave now, codes blotted out; null: it cannot be written, or not yours to see."""


class BounceList(msgspec.Struct, frozen=True):
    """One page of addresses, newest first."""

    items: list[Bounce]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class SendAgain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a letter is to be tried now."""

    reason: Reason | None = None


@get(
    "/admin/letters", operation_id="listLetters", access=Scope.LETTERS_READ, tags=["Staff"],
    summary="Letters, such as those that reached nobody", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_letters(
    house: House,
    status: OfStatus = None,
    order: OfOrder = None,
    template: OfTemplate = None,
    error: WithError = None,
    limit: PageSize = 20,
    place: Place = None,
) -> LetterList:
    """Newest first. Filters add up. Whom a letter is for is told with the letter itself."""
    sought = Sought(status, OrderNumber(order.upper()) if order else None, template, error)
    begin = pages.begin(house, place)
    found = await desk.listed(house.database, limit + 1, sought, begin.id if begin else None)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return LetterList(items, more)


@get(
    "/admin/letters/{letter_id:uuid}", operation_id="readLetter", access=Scope.LETTERS_READ, tags=["Staff"],
    summary="A letter", responses=staff_refuses("letter_not_found"),
)  # fmt: skip
async def read_letter(house: House, caller: Caller, letter_id: FromPath[UUID]) -> LetterView:
    """How far it is, what is wrong with it, and what it says."""
    async with house.database.reading() as reader:
        card = _there(await desk.find(reader, letter_id))
        known = {name: getattr(card, name) for name in card.__struct_fields__}
        letter = await outbox.read(house.database, letter_id)
        if letter is None or not may(caller.roles, Scope.USERS_READ):
            return LetterView(**known)
        bounce = await bounces.of(reader, letter.to) if letter.to else None
    await write_down_reading(house, caller, "letter.read", [letter_id])
    own = await templates.active(house.database, [letter.template])
    return LetterView(**known, to=letter.to, bounce=bounce, composed=_composed(letter, own))


@post(
    "/admin/letters/{letter_id:uuid}/retry", operation_id="retryLetter", access=Scope.LETTERS_WRITE, tags=["Staff"],
    summary="Send a letter now", status_code=200,
    responses=staff_refuses("letter_not_found", "letter_over", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def retry_letter(
    request: StrictRequest, house: House, caller: Caller, letter_id: FromPath[UUID], data: JSONBody[SendAgain],
    idempotency: IdempotencyKey = None,
) -> LetterCard:  # fmt: skip
    """One that waits, or that was refused for good. What left once, or was withdrawn, never leaves again."""

    async def retry(writer: Writer) -> LetterCard:
        was = _there(await desk.find(writer, letter_id))
        if not await desk.retry(writer, letter_id):
            raise Refusal("letter_over", f"This letter is {was.status} and does not leave again.", status=was.status)
        now = _there(await desk.find(writer, letter_id))
        before, after = {"status": was.status, "error": was.error}, {"status": now.status}
        await write_down(writer, caller, "letter.retry", letter_id, before=before, after=after, reason=data.reason)
        return now

    scope = scope_of(request, caller, f"POST /admin/letters/{letter_id}/retry")
    return await once(house, scope, idempotency_key(idempotency), data, LetterCard, retry)


@get(
    "/admin/mail-bounces", operation_id="listMailBounces", access=Scope.USERS_READ, tags=["Staff"],
    summary="Addresses at which nobody reads mail", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_mail_bounces(house: House, caller: Caller, limit: PageSize = 20, place: Place = None) -> BounceList:
    """Newest first. An address that a letter reaches again is none of them any more."""
    found = await bounces.listed(house.database, limit + 1, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.first_at, last.id))
    await write_down_reading(house, caller, "bounce.read", [LIST])
    return BounceList(items, more)


@delete(
    "/admin/mail-bounces/{bounce_id:uuid}", operation_id="forgetMailBounce", access=Scope.LETTERS_WRITE,
    tags=["Staff"], summary="Take the mark off an address", responses=staff_refuses("bounce_not_found", "invalid"),
)  # fmt: skip
async def forget_mail_bounce(
    house: House, caller: Caller, bounce_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """Somebody reads mail there after all."""
    async with house.database.writing() as writer:
        if not await bounces.forget(writer, bounce_id):
            raise Refusal("bounce_not_found", "No address is marked under this id.")
        await write_down(writer, caller, "mail_bounce.forget", bounce_id, reason=reason)
    return Response(None, status_code=204)


def _composed(letter: Letter, own: Sequence[Own]) -> Composed | None:
    hidden = {name: BLOT for name, of in (("code", "reset"), ("gift_card_code", "gift_card")) if of in letter.facts}
    try:
        return worded(letter.template, letter.locale, {**letter.facts, "number": letter.order_number, **hidden}, own)[0]
    except (jinja2.TemplateError, LookupError) as broken:
        log.info("letter cannot be shown", template=letter.template, why=str(broken))
        return None


def _there(found: LetterCard | None) -> LetterCard:
    if found is None:
        raise Refusal("letter_not_found", "There is no such letter.")
    return found


handlers = [list_letters, read_letter, retry_letter, list_mail_bounces, forget_mail_bounce]
