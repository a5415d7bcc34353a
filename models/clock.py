"""The wall clock outside workflows; workflows use `workflow.now()` so that a replay sees the same time."""

from datetime import UTC, datetime


def now() -> datetime:
    """Aware UTC, microseconds."""
    return datetime.now(UTC)
