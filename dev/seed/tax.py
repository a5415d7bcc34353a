"""Sample tax rates: enough to try every case of the rule in `models/pricing.py`. Not tax advice; rates change."""

import msgspec

from models.pricing import TaxRate

_PERCENT = 10_000
"""Parts per million in one percent."""

_VAT = {
    "AT": ("USt.", 20, 10), "BE": ("TVA/BTW", 21, 6), "BG": ("DDS", 20, 9), "CY": ("FPA", 19, 3),
    "CZ": ("DPH", 21, 0), "DE": ("MwSt.", 19, 7), "DK": ("moms", 25, 25), "EE": ("km", 24, 9),
    "ES": ("IVA", 21, 4), "FI": ("ALV", 25.5, 13.5), "FR": ("TVA", 20, 5.5), "GR": ("FPA", 24, 6),
    "HR": ("PDV", 25, 5), "HU": ("ÁFA", 27, 5), "IE": ("VAT", 23, 0), "IT": ("IVA", 22, 4),
    "LT": ("PVM", 21, 5), "LU": ("TVA", 17, 3), "LV": ("PVN", 21, 5), "MT": ("VAT", 18, 5),
    "NL": ("btw", 21, 9), "PL": ("VAT", 23, 5), "PT": ("IVA", 23, 6), "RO": ("TVA", 21, 11),
    "SE": ("moms", 25, 6), "SI": ("DDV", 22, 5), "SK": ("DPH", 23, 5),
    "ET": ("VAT", 15, 0), "GB": ("VAT", 20, 0), "JP": ("消費税", 10, 8),
}  # fmt: skip
"""Country: what the tax is called, standard and reduced rate in percent. Prices contain it."""

_SALES_TAX = {
    "AZ": (5.6, False), "CA": (7.25, False), "CO": (2.9, False), "CT": (6.35, True), "FL": (6, False),
    "GA": (4, True), "IL": (6.25, False), "IN": (7, True), "MA": (6.25, False), "MD": (6, False), "MI": (6, True),
    "MN": (6.875, True), "NC": (4.75, True), "NJ": (6.625, True), "NY": (8.875, True), "OH": (5.75, True),
    "PA": (6, True), "TN": (7, True), "TX": (6.25, True), "VA": (5.3, False), "WA": (6.5, True), "WI": (5, True),
}  # fmt: skip
"""US state: percent on top of the price, and whether it is due on shipping too. A state not listed takes none."""


def rates() -> list[TaxRate]:
    """Every rate; the US has none for the whole country, so a state without a row stays untaxed."""
    contained = [
        TaxRate(country, _ppm(percent), True, name, category=category)
        for country, (name, standard, reduced) in _VAT.items()
        for category, percent in (("standard", standard), ("reduced", reduced))
    ]
    added = [
        TaxRate(
            "US", _ppm(percent), False, f"Sales tax {state}", region=state, on_shipping=on_shipping, category=category
        )
        for state, (percent, on_shipping) in _SALES_TAX.items()
        for category in ("standard", "reduced")
    ]
    return contained + added


def as_rows() -> list[dict[str, object]]:
    """The rates as columns of their table."""
    return [msgspec.structs.asdict(rate) for rate in rates()]


def _ppm(percent: float) -> int:
    return round(percent * _PERCENT)
