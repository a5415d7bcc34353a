"""Tax rates: which tax is charged where, on what, and whether list prices contain it."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from api import pages
from api.admin.changes import Reason, WhyAsked, differences, write_down
from api.admin.refusals import staff_refuses
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.pages import PageSize, Place
from api.repeats import once, scope_of
from models.address import COUNTRIES, Text
from models.cursor import Cursor
from models.database import Writer
from models.errors import Refusal
from models.pricing import PPM
from models.roles import Scope
from models.tables import tax
from models.tariff import TaxTariff

Ppm = Annotated[int, Meta(ge=0, le=PPM, description="Parts per million of the net price", examples=[190_000])]
OfCountry = Annotated[
    str | None, QueryParameter(name="country", pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, upper case")
]
Archived = Annotated[bool, QueryParameter(description="True: those that are archived, and only those")]


class NewTaxRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tax on one category of goods in one place."""

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["DE"])]
    name: Annotated[Text, Meta(description="As the invoice calls it", examples=["USt"])]
    ppm: Ppm
    inclusive: bool
    """True: list prices already contain it."""
    region: Text | None = None
    """As addresses say it; null: wherever in the country no region has a rate of its own."""
    category: Annotated[str, Meta(pattern="^[a-z][a-z0-9_-]{0,49}$", description="Of goods")] = "standard"
    on_shipping: bool = True
    """Whether shipping bears it too; only the `standard` rate's answer counts."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.country not in COUNTRIES:
            raise ValueError(f"unknown country {self.country!r}: use an ISO 3166-1 alpha-2 code")


class TaxRateChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. For another place or category make another rate, and archive this one."""

    name: Text | UnsetType = UNSET
    ppm: Ppm | UnsetType = UNSET
    inclusive: bool | UnsetType = UNSET
    on_shipping: bool | UnsetType = UNSET
    reason: Reason | None = None


class TaxRateList(msgspec.Struct, frozen=True):
    """One page of rates, newest first."""

    items: list[TaxTariff]
    next_cursor: str | None
    """Give it as `cursor` for the next page; null: this was the last."""
    total: int | None = None
    """Not counted."""


@get(
    "/admin/tax-rates", operation_id="listTaxRates", access=Scope.TAXES_READ, tags=["Staff"], summary="Tax rates",
    responses=staff_refuses("cursor_unknown", "invalid"),
)  # fmt: skip
async def list_tax_rates(
    house: House, of_country: OfCountry = None, archived: Archived = False, limit: PageSize = 20, place: Place = None
) -> TaxRateList:
    """Those that are charged, newest first."""
    found = await tax.listed(house.database, limit + 1, of_country, archived, pages.begin(house, place))
    items, more = pages.cut(house, found, limit, lambda last: Cursor(last.created_at, last.id))
    return TaxRateList(items, more)


@post(
    "/admin/tax-rates", operation_id="createTaxRate", access=Scope.TAXES_WRITE, tags=["Staff"], summary="New tax rate",
    responses=staff_refuses("tax_rate_exists", "tax_rates_mixed", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def create_tax_rate(
    request: StrictRequest, house: House, caller: Caller, data: JSONBody[NewTaxRate], idempotency: IdempotencyKey = None
) -> TaxTariff:
    """Charged from the next quote on. One rate a place and category; all rates of a country agree in `inclusive`."""

    async def create(writer: Writer) -> TaxTariff:
        made = await tax.create(
            writer, data.country, data.region, data.category, data.name, data.ppm, data.inclusive, data.on_shipping
        )
        await write_down(writer, caller, "tax_rate.create", _subject(made), after=made, reason=data.reason)
        return made

    scope = scope_of(request, caller, "POST /admin/tax-rates")
    return await once(house, scope, idempotency_key(idempotency), data, TaxTariff, create)


@get(
    "/admin/tax-rates/{rate_id:uuid}", operation_id="readTaxRate", access=Scope.TAXES_READ,
    tags=["Staff"], summary="A tax rate",
    responses=staff_refuses("tax_rate_not_found"),
)  # fmt: skip
async def read_tax_rate(house: House, rate_id: FromPath[UUID]) -> TaxTariff:
    """Also when it is archived."""
    found = await tax.find(house.database, rate_id)
    if found is None:
        raise _unknown()
    return found


@patch(
    "/admin/tax-rates/{rate_id:uuid}", operation_id="changeTaxRate", access=Scope.TAXES_WRITE,
    tags=["Staff"], summary="Change a tax rate",
    responses=staff_refuses("tax_rate_not_found", "archived", "tax_rates_mixed", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_tax_rate(
    house: House, caller: Caller, rate_id: FromPath[UUID], data: JSONBody[TaxRateChange]
) -> TaxTariff:
    """Charged from the next quote on; placed orders keep what they were charged."""
    async with house.database.writing() as writer:
        was = await tax.lock(writer, rate_id)
        if was is None:
            raise _unknown()
        if was.archived_at is not None:
            raise Refusal("archived", "This rate is archived: make a new one.")
        wanted = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not UNSET}
        wanted.pop("reason")
        changed = differences(was, now := msgspec.structs.replace(was, **wanted))
        if changed is not None:
            before, after = changed
            now = await tax.change(writer, now)
            await write_down(
                writer, caller, "tax_rate.change", _subject(now), before=before, after=after, reason=data.reason
            )
    return now


@delete(
    "/admin/tax-rates/{rate_id:uuid}", operation_id="archiveTaxRate", access=Scope.TAXES_WRITE,
    tags=["Staff"], summary="Charge a tax no longer",
    responses=staff_refuses("tax_rate_not_found", "invalid"),
)  # fmt: skip
async def archive_tax_rate(
    house: House, caller: Caller, rate_id: FromPath[UUID], reason: WhyAsked = None
) -> Response[None]:
    """From the next quote on; once it is archived, doing so again changes nothing."""
    async with house.database.writing() as writer:
        if await tax.lock(writer, rate_id) is None:
            raise _unknown()
        gone = await tax.archive(writer, rate_id)
        if gone is not None:
            moved = {"archived_at": None}, {"archived_at": gone.archived_at}
            await write_down(
                writer, caller, "tax_rate.archive", _subject(gone), before=moved[0], after=moved[1], reason=reason
            )
    return Response(None, status_code=204)


def _subject(rate: TaxTariff) -> str:
    """`US/NY/standard`."""
    return "/".join(part for part in (rate.country, rate.region, rate.category) if part)


def _unknown() -> Refusal:
    return Refusal("tax_rate_not_found", "There is no such tax rate.")


handlers = [list_tax_rates, create_tax_rate, read_tax_rate, change_tax_rate, archive_tax_rate]
