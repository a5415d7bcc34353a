"""How long an unpaid order waits for its payment, and how much longer staff may let it wait."""

from datetime import datetime, timedelta

from models.errors import Refusal

LONGEST = timedelta(hours=24)
"""So far from now an end that staff give can be."""


def extended(end: datetime, now: datetime, minutes: int | None, until: datetime | None) -> datetime:
    """The end of a wait that ends at `end` and shall go on: so many minutes longer, or until then.

    Raises: Refusal `hold_out_of_bounds`: it would end before now or where it does, or later than a day from now.
    """
    wanted = end + timedelta(minutes=minutes) if minutes is not None else until
    latest = now + LONGEST
    if wanted is None or not max(end, now) < wanted <= latest:
        raise Refusal(
            "hold_out_of_bounds",
            f"It waits until {end:%Y-%m-%d %H:%M} UTC, and can wait until {latest:%Y-%m-%d %H:%M} UTC.",
            pay_until=end,
            latest=latest,
        )
    return wanted
