"""What becomes of a refund on our own rows: reserved, then booked or given back, each in one transaction."""

import msgspec
from temporalio import activity

from models import tokens
from models.credit import CardCode
from models.database import Database, Writer
from models.errors import Refusal
from models.ids import CreditAccountId, OrderId
from models.money import Money
from models.refund import ProviderRefund, ProviderRefundStanding, Refund, RefundStatus, RefundWish
from models.tables import attention, outbox, refund_end
from models.tables import exchange as exchanges
from models.tables import order as orders
from models.tables import refund as refunds

ATTENTION = "refund {} of {} did not arrive: {}"
"""Stays until the next refund of the order succeeds, or somebody settles it."""


class ReserveRefund(msgspec.Struct, frozen=True):
    """Make it sure that the money of a refund is there, and that nobody else gives it back."""

    order_id: OrderId
    n: int
    wish: RefundWish | None = None
    """None: it is there already."""


class RefundRefused(msgspec.Struct, frozen=True):
    """The business said no."""

    code: str
    detail: str
    facts: dict[str, object]


class Reserved(msgspec.Struct, frozen=True):
    """Exactly one of the two is set."""

    refund: Refund | None = None
    refusal: RefundRefused | None = None


class EndRefund(msgspec.Struct, frozen=True):
    """What came of a refund, as the provider says; None: it was not asked, credit is given alone."""

    refund: Refund
    seen: ProviderRefund | None = None
    parts: tuple[ProviderRefund, ...] = ()
    """Of each of its parts, where it has some."""


class RefundActivities:
    """Needs Postgres, and the key that a gift card's code follows from."""

    def __init__(self, database: Database, secret_key: bytes) -> None:
        self._database = database
        self._key = secret_key

    @activity.defn
    async def reserve_refund(self, request: ReserveRefund) -> Reserved:
        """Reserve the money of a refund, or refuse: more than was paid never goes back.

        Changes: refund with its lines, payment, credit, timeline, audit log.
        Again: the refund is there already, under its key, and is answered wherever it stands.
        Undo: `fail_refund`.
        """
        try:
            async with self._database.writing() as writer:
                if request.wish is None:
                    known = await refunds.find(writer, request.order_id, request.n)
                    if known is None:
                        raise Refusal("refund_not_found", "There is no such refund.")
                    if known.card is not None and await exchanges.waits_with(writer, known):
                        raise Refusal("wrong_move", "It pays for an exchange of which nobody knows yet.")
                    return Reserved(known)
                made = await refunds.open(writer, request.order_id, request.wish, request.n)
                if made.n != request.n:
                    raise Refusal("refund_superseded", "This refund has another number.")
                return Reserved(made)
        except Refusal as refusal:
            return Reserved(refusal=RefundRefused(refusal.code, refusal.detail, dict(refusal.facts)))

    @activity.defn
    async def settle_refund(self, request: EndRefund) -> None:
        """Write down that the money went back, and tell the buyer.

        Changes: refund, payment, credit, both ledgers, timeline, notification, outbox; attention that an earlier refund
        of this order needed is needed no more, if this one was asked for after that had failed.
        Again: the move is made once, and the rest with it.
        Undo: `return_refund`, should it come back.
        """
        refund, seen = request.refund, request.seen
        async with self._database.writing() as writer:
            await orders.lock(writer, refund.order_id)
            if not await refund_end.succeed(writer, refund, _named(refund, seen), request.parts, self._code(refund)):
                return
            if await refund_end.makes_up(writer, refund):
                await attention.settle(writer, refund.order_id, "refund/%/money")
            if refund.card is not None:
                return  # of an exchange: what its buyer hears of is the order that it paid for
            if refund.parts:
                refund = await _as_it_is(writer, refund)
            facts = {"n": refund.n, "amount": refund.amount, "store_credit": refund.store_credit}
            if refund.gift_card:
                facts["gift_card"] = True
            await orders.tell(
                writer, refund.order_id, f"refund/{refund.n}/succeeded", "refund_succeeded",
                "provider" if seen else "order", **facts,
            )  # fmt: skip
            await outbox.write_letter(writer, "refund", refund.order_id, str(refund.n), _words(refund))
            if refund.from_credit.amount and not (refund.store_credit or refund.gift_card):
                await exchanges.hand_over_card(writer, refund)
            if (lost := request.refund.amount - refund.amount).amount:
                await _ask_for_a_person(writer, request, lost, "failed")

    @activity.defn
    async def fail_refund(self, request: EndRefund) -> None:
        """Write down that a refund will not arrive, and ask for a person: its money can go back another way.

        Changes: refund, payment, credit, timeline; the order needs attention.
        Again: the move is made once, and the rest with it.
        Undo: nothing, another refund can be made.
        """
        async with self._database.writing() as writer:
            await self._failed(writer, request, "failed")

    @activity.defn
    async def return_refund(self, request: EndRefund) -> None:
        """Write down that a refund came back after it had succeeded, and ask for a person.

        Changes: refund, payment, ledger of money, timeline; the order needs attention.
        Again: the move is made once, and the rest with it.
        Undo: nothing, another refund can be made.
        """
        async with self._database.writing() as writer:
            await self._failed(writer, request, "returned")

    def _code(self, refund: Refund) -> CardCode | None:
        """Of the gift card that it goes to: kept nowhere, as every card's."""
        if not refund.gift_card:
            return None
        code = tokens.gift_card_code(self._key, CreditAccountId(refund.id))
        return CardCode(tokens.gift_card_key(self._key, code), code[-4:])

    async def _failed(self, writer: Writer, request: EndRefund, how: str) -> None:
        refund, seen = request.refund, request.seen
        assert seen is not None
        why = seen.detail or seen.code or "the provider does not say why"
        await orders.lock(writer, refund.order_id)
        if how == "failed":
            if await refund_end.fail(writer, refund, _named(refund, seen), why, request.parts):
                await _ask_for_a_person(writer, request, refund.to_provider, how)
            return
        was = await _as_it_is(writer, refund)
        if await refund_end.come_back(writer, refund, why, request.parts):
            now = await _as_it_is(writer, refund)
            left = Money.zero(was.amount.currency) if now.status is RefundStatus.FAILED else now.to_provider
            await _ask_for_a_person(writer, request, was.to_provider - left, how)


async def _ask_for_a_person(writer: Writer, request: EndRefund, amount: Money, how: str) -> None:
    """So much did not arrive, or came back: it can go back another way, when somebody says so."""
    refund, seen = request.refund, request.seen
    assert seen is not None
    why = seen.detail or seen.code or "the provider does not say why"
    fact = f"refund/{refund.n}/{how}"
    # Parts may come back one after the other.
    if refund.parts and how == "returned":
        fact += f"/{sum(each.standing is ProviderRefundStanding.FAILED for each in request.parts)}"
    await attention.ask(
        writer, refund.order_id, f"refund/{refund.n}/money", ATTENTION.format(refund.n, amount, why), fact
    )
    await orders.tell(
        writer, refund.order_id, fact, f"refund_{how}", "provider", n=refund.n, amount=amount, code=seen.code
    )  # fmt: skip


async def _as_it_is(writer: Writer, refund: Refund) -> Refund:
    now = await refunds.find(writer, refund.order_id, refund.n)
    assert now is not None
    return now


def _named(refund: Refund, seen: ProviderRefund | None) -> str | None:
    """The provider's id of it; None: of its parts, each has its own."""
    return seen.reference if seen is not None and not refund.parts else None


def _words(refund: Refund) -> dict[str, object]:
    """For the letter."""
    to_credit = refund.amount - refund.to_provider
    return {
        "amount": refund.amount, "store_credit": refund.store_credit,
        "to_provider": refund.to_provider if refund.to_provider.amount else None,
        "to_credit": to_credit if to_credit.amount else None,
        **({"gift_card": str(refund.id)} if refund.gift_card else {}),
    }  # fmt: skip
