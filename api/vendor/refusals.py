"""What every operation of vendors' can refuse with, beside its own codes."""

from litestar.openapi import ResponseSpec

from api.problems import SIGNED_IN, refuses


def vendor_refuses(*codes: str) -> dict[int, ResponseSpec]:
    """For an operation's documentation: its own codes, and those of everybody who acts for a vendor."""
    return refuses(*SIGNED_IN, "vendor_not_found", *codes)
