"""Gift cards: staff give them out, see what became of them, and withdraw them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta

from api import pages
from api.admin import four_eyes
from api.admin.changes import Reason, WhyAsked, write_down
from api.context import Caller, House, IdempotencyKey, Premises, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.problems import FieldError, Invalid, refuses
from api.repeats import once, scope_of
from models import clock, tokens
from models.approval import ApprovalRecord, ApprovalStatus, Guarded
from models.audit import Author
from models.credit import Entry, IssuedCard
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.ids import CreditAccountId, new_id
from models.money import Money
from models.roles import Scope
from models.tables import approval as approvals
from models.tables import audit, credit_history
from models.tables import gift_card as gift_cards

GIFT_CARDS = "gift-cards"
"""What a question to a second person is about."""
LAST_YEAR = 2200
"""No card lasts longer; times far beyond cannot be told in every time zone."""
EndsIn = Annotated[
    str | None, QueryParameter(name="last4", pattern="^[2-9A-HJ-NP-Z]{4}$", description="The last letters of its code")
]
Archived = Annotated[bool, QueryParameter(description="True: those that are withdrawn, and only those")]


class NewGiftCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card to give out."""

    amount: Money
    note: Reason
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """From then on it cannot be spent; null: never."""


class NewCard(msgspec.Struct, frozen=True):
    """The card, and its code: told in this answer alone."""

    code: str
    gift_card: IssuedCard


class GiftCardList(msgspec.Struct, frozen=True):
    """One page of cards, newest first."""

    items: list[IssuedCard]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


class GiftCardReply(msgspec.Struct, frozen=True):
    """A card, and one page of its ledger, newest first."""

    gift_card: IssuedCard
    items: list[Entry]
    next_cursor: str | None
    """Give it as `cursor` for the next page of the ledger; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/gift-cards", operation_id="listGiftCards", access=Scope.CREDIT_READ, tags=["Staff"], summary="Gift cards",
    responses=refuses("unauthorized", "token_expired", "forbidden", "cursor_unknown", "invalid", "unavailable"),
)  # fmt: skip
async def list_gift_cards(
    house: House, ends_in: EndsIn = None, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> GiftCardList:
    """Those that are not withdrawn, newest first."""
    found = await gift_cards.listed(house.database, limit + 1, ends_in, archived, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return GiftCardList(items, more)


@post(
    "/admin/gift-cards", operation_id="issueGiftCard", access=Scope.CREDIT_WRITE, tags=["Staff"],
    summary="Give a gift card out",
    responses=refuses("unauthorized", "token_expired", "forbidden", "approval_over", "idempotency_key_reused",
                      "invalid", "unsupported_media_type", "unavailable") | four_eyes.WAITING,
)  # fmt: skip
async def issue_gift_card(
    request: StrictRequest,
    house: House,
    caller: Caller,
    data: JSONBody[NewGiftCard],
    idempotency: IdempotencyKey = None,
) -> Response[NewCard]:
    """The code is in this answer and nowhere else: what is kept finds a card by its code, and cannot tell it.

    Send an `Idempotency-Key`: the same request again then answers with the same card. 202: a question to a second
    person, because it is much money; once they agreed, the same request again answers with the card.
    """
    if data.amount.amount < 1:
        raise Invalid(FieldError("Expected more than nothing", pointer="/amount/amount"))
    if data.expires_at and not (clock.now() < data.expires_at and data.expires_at.year < LAST_YEAR):
        raise Invalid(FieldError(f"Expected a time from now on, before {LAST_YEAR}", pointer="/expires_at"))

    async def stake(_: Writer) -> Money:
        return data.amount

    guard = four_eyes.Guard(Guarded.GIFT_CARD, GIFT_CARDS, data, data.note, stake)
    asked = await four_eyes.second(house, caller, guard, idempotency)
    if asked is not None and asked.status is ApprovalStatus.PENDING:
        return four_eyes.kept(asked)
    if asked is not None:
        made = await issued(house, data, asked, caller.author)
    else:

        async def issue(writer: Writer) -> IssuedCard:
            return await _issue(house, writer, CreditAccountId(new_id()), data, caller.author)

        scope = scope_of(request, caller, "POST /admin/gift-cards")
        made = await once(house, scope, idempotency_key(idempotency), data, IssuedCard, issue)
    return Response(NewCard(tokens.gift_card_code(house.settings.secret_key, made.id), made), status_code=201)


async def issued(house: Premises, data: NewGiftCard, agreed: ApprovalRecord, author: Author) -> IssuedCard:
    """Give out what two people agreed to, once, for its `author`: whoever asked. Its code is told to them alone, when
    they send their request again: who said yes does not learn it."""

    async def issue(writer: Writer) -> IssuedCard:
        made = await _issue(house, writer, CreditAccountId(agreed.id), data, author)
        await approvals.settle(writer, agreed.id, ApprovalStatus.DONE)
        return made

    return await once(house, four_eyes.name_of(agreed), "issued", data, IssuedCard, issue)


async def _issue(
    house: Premises, writer: Writer, card: CreditAccountId, data: NewGiftCard, author: Author
) -> IssuedCard:
    key = house.settings.secret_key
    code = tokens.gift_card_code(key, card)
    made = await gift_cards.issue(
        writer, card, tokens.gift_card_key(key, code), code[-4:], data.amount, data.expires_at, str(author.user),
        data.note,
    )  # fmt: skip
    await audit.append(writer, author, "gift_card.issue", card, after=made, reason=data.note)
    return made


@get(
    "/admin/gift-cards/{card_id:uuid}", operation_id="readGiftCard", access=Scope.CREDIT_READ, tags=["Staff"],
    summary="A gift card and its ledger",
    responses=refuses("unauthorized", "token_expired", "forbidden", "gift_card_not_found", "cursor_unknown", "invalid",
                      "unavailable"),
)  # fmt: skip
async def read_gift_card(
    house: House, card_id: FromPath[UUID], limit: PageSize = 20, place: Place = None
) -> GiftCardReply:
    """Also when it is withdrawn. `limit` and `cursor` are of its ledger."""
    after = pages.begin(house, place)
    card = await gift_cards.find(house.database, CreditAccountId(card_id))
    if card is None:
        raise _unknown()
    found = await credit_history.of_card(house.database, card.id, limit + 1, after)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.at, last.id))
    return GiftCardReply(card, items, more)


@delete(
    "/admin/gift-cards/{card_id:uuid}", operation_id="archiveGiftCard", access=Scope.CREDIT_WRITE, tags=["Staff"],
    summary="Withdraw a gift card",
    responses=refuses("unauthorized", "token_expired", "forbidden", "gift_card_not_found", "invalid", "unavailable"),
)  # fmt: skip
async def archive_gift_card(
    house: House, caller: Caller, card_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """What is on it stays, and cannot be spent; orders placed with it keep what they took. Again: changes nothing."""
    card = CreditAccountId(card_id)
    async with house.database.writing() as writer:
        if await gift_cards.lock(writer, card) is None:
            raise _unknown()
        gone = await gift_cards.archive(writer, card)
        if gone is not None:
            before, after = {"archived_at": None}, {"archived_at": gone.archived_at}
            await write_down(writer, caller, "gift_card.archive", card, before=before, after=after, reason=reason)
    return Response(None, status_code=204)


def _unknown() -> Refusal:
    return Refusal("gift_card_not_found", "There is no such gift card.")


handlers = [list_gift_cards, issue_gift_card, read_gift_card, archive_gift_card]
