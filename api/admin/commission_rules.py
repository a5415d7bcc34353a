"""What the shop keeps of what vendors sell: a rule counts for what is sold from then on, and never for what was."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, said, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.commission import PPM
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.money import EXPONENTS, LARGEST
from models.records import SLUG, Slug
from models.roles import Scope
from models.tables import category_tree as tree
from models.tables import commission
from models.tables.named import living
from models.tables.vendor import vendors
from models.vendor import CommissionRule

Ppm = Annotated[
    int, Meta(ge=0, le=PPM, description="Of what the goods cost without tax, parts per million", examples=[120_000])
]
Fixed = Annotated[int, Meta(ge=0, le=LARGEST // 1000, description="Besides, minor units of `currency` a position")]
OfVendor = Annotated[str | None, QueryParameter(name="vendor", pattern=SLUG, description="Only rules that name it")]


class NewCommissionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of what. What is left out may be any; the most specific rule counts."""

    ppm: Ppm
    fixed: Fixed = 0
    vendor: Slug | None = None
    category: Slug | None = None
    """And all that stands in it."""
    currency: Annotated[str, Meta(pattern=r"^[a-z]{3}$(?!\n)", examples=["usd"])] | None = None
    """Has to be said where `fixed` is more than nothing."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.currency is not None and self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}: use an ISO 4217 code in lower case")
        if self.fixed and self.currency is None:
            raise ValueError("a fixed part has a currency")


class CommissionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. For another vendor, category or currency make another rule."""

    ppm: Ppm | UnsetType = UNSET
    fixed: Fixed | UnsetType = UNSET
    reason: Reason | None = None


class CommissionRuleList(msgspec.Struct, frozen=True):
    """One page of rules, newest first."""

    items: list[CommissionRule]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/commission-rules", operation_id="listCommissionRules", access=Scope.PAYOUTS_READ, tags=["Staff"],
    summary="What the shop keeps of what vendors sell", responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_rules(
    house: House, vendor: OfVendor = None, limit: PageSize = 20, place: Place = None
) -> CommissionRuleList:
    """Newest first. A rule for the vendor goes before the one for the nearest category, that before the currency's."""
    found = await commission.listed(house.database, limit + 1, pages.begin(house, place), vendor)
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return CommissionRuleList(items, more)


@post(
    "/admin/commission-rules", operation_id="createCommissionRule", access=Scope.PAYOUTS_WRITE, tags=["Staff"],
    summary="New commission rule",
    responses=staff_refuses("commission_rule_exists", "vendor_unknown", "category_unknown", "archived",
                            "idempotency_key_reused", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def create_rule(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewCommissionRule],
    idempotency: IdempotencyKey = None,
) -> CommissionRule:  # fmt: skip
    """One for each vendor, category and currency, and each combination of them."""

    async def create(writer: Writer) -> CommissionRule:
        vendor = None
        if data.vendor is not None:
            vendor = (await living(writer, vendors, [data.vendor], "vendor", "vendors"))[data.vendor]
        category = await tree.into(writer, data.category) if data.category is not None else None
        made = await commission.insert(writer, vendor, category, data.currency, data.ppm, data.fixed)
        await write_down(writer, caller, "commission_rule.create", made.id, after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/commission-rules")
    return await once(house, scope, idempotency_key(idempotency), data, CommissionRule, create)


@get(
    "/admin/commission-rules/{rule_id:uuid}", operation_id="readCommissionRule", access=Scope.PAYOUTS_READ,
    tags=["Staff"], summary="A commission rule", responses=staff_refuses("commission_rule_not_found"),
)  # fmt: skip
async def read_rule(house: House, rule_id: FromPath[UUID]) -> CommissionRule:
    """As it counts now."""
    async with house.database.reading() as reader:
        return _known(await commission.find(reader, rule_id))


@patch(
    "/admin/commission-rules/{rule_id:uuid}", operation_id="changeCommissionRule", access=Scope.PAYOUTS_WRITE,
    tags=["Staff"], summary="Change a commission rule",
    responses=staff_refuses("commission_rule_not_found", "currency_mismatch", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_rule(
    house: House, caller: Caller, rule_id: FromPath[UUID], data: JSONBody[CommissionChange]
) -> CommissionRule:
    """For what is sold from now on."""
    async with house.database.writing() as writer:
        was = _known(await commission.lock(writer, rule_id))
        now = msgspec.structs.replace(was, **said(data))
        if now.fixed and now.currency is None:
            raise Refusal("currency_mismatch", "A fixed part has a currency, and this rule is for any.")
        changed = differences(was, now)
        if changed is not None:
            before, after = changed
            await commission.change(writer, rule_id, after)
            await write_down(
                writer, caller, "commission_rule.change", rule_id, before=before, after=after, reason=data.reason
            )
    return now


@delete(
    "/admin/commission-rules/{rule_id:uuid}", operation_id="removeCommissionRule", access=Scope.PAYOUTS_WRITE,
    tags=["Staff"], summary="Remove a commission rule",
    responses=staff_refuses("commission_rule_not_found", "invalid"),
)  # fmt: skip
async def remove_rule(house: House, caller: Caller, rule_id: FromPath[UUID], reason: WhyAsked = None) -> Response[None]:
    """It counts no more for what is sold from now on; what was sold keeps its terms."""
    async with house.database.writing() as writer:
        was = _known(await commission.lock(writer, rule_id))
        await commission.remove(writer, rule_id)
        await write_down(writer, caller, "commission_rule.remove", rule_id, before=was, reason=reason)
    return Response(None, status_code=204)


def _known(found: CommissionRule | None) -> CommissionRule:
    if found is None:
        raise Refusal("commission_rule_not_found", "There is no such rule.")
    return found


handlers = [list_rules, create_rule, read_rule, change_rule, remove_rule]
