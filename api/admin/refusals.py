"""What every operation of staff's can refuse with, beside its own codes."""

from litestar.openapi import ResponseSpec

from api.problems import refuses


def staff_refuses(*codes: str) -> dict[int, ResponseSpec]:
    """For an operation's documentation: its own codes, and those of everybody who needs a scope."""
    return refuses("unauthorized", "token_expired", "forbidden", "too_many_requests", "unavailable", *codes)
