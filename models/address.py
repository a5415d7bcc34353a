"""Where parcels and bills go."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from models.ids import AddressId

COUNTRIES = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
        "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
        "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
        "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
        "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
        "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
        "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
        "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
    ).split()
)
"""ISO 3166-1 alpha-2."""

_PRINTED = r"^[^\x00-\x1f\x7f]+$(?!\n)"
"""No control characters; `$` alone would let one line break pass at the end."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_PRINTED)]
"""One printed line: no control characters, at most 200 characters."""


FullName = Annotated[Text, msgspec.Meta(examples=["Ada Lovelace"])]
Line = Annotated[Text, msgspec.Meta(examples=["1 Main St"])]
City = Annotated[Text, msgspec.Meta(examples=["New York"])]
Region = Annotated[Text, msgspec.Meta(examples=["NY"])]
PostalCode = Annotated[str, msgspec.Meta(min_length=1, max_length=20, pattern=_PRINTED, examples=["10001"])]
Country = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2, upper case", examples=["US"])
]
Phone = Annotated[str, msgspec.Meta(max_length=30, pattern=r"^\+?[0-9 ()./-]+$(?!\n)", examples=["+1 212 555 0100"])]

MOST_SAVED = 50
"""Most addresses in one account's book."""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A postal address. `country` decides shipping zone and tax; `region` refines the tax where rates differ in it."""

    full_name: FullName
    line1: Line
    city: City
    postal_code: PostalCode
    country: Country
    line2: Text | None = None
    region: Region | None = None
    """State or province, as its ISO 3166-2 suffix where one exists: `NY`, `BY`."""
    phone: Phone | None = None

    def __post_init__(self) -> None:
        must_exist(self.country)


def must_exist(country: str) -> None:
    """Raises: ValueError for a country that is none."""
    if country not in COUNTRIES:
        raise ValueError(f"unknown country {country!r}: use an ISO 3166-1 alpha-2 code")


class AddressKind(StrEnum):
    """What an address is kept for."""

    SHIPPING = "shipping"
    BILLING = "billing"


class SavedAddress(msgspec.Struct, frozen=True):
    """An address in somebody's book."""

    id: AddressId
    kind: AddressKind
    address: Address
    is_default: bool
    """The one of its kind that a storefront proposes."""
    created_at: datetime
