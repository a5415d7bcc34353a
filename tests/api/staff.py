"""What the tests of staff's operations say over and over: the log of changes, all rows, a thing just made."""

from typing import Any

import msgspec

from models.database import Database
from tests.api.conftest import Api

ADMIN = "/api/v1/admin"


async def log(database: Database) -> list[tuple[Any, ...]]:
    """What was written down, oldest first: action, subject, before, after, why."""
    rows = await database.fetch("SELECT action, subject, before, after, reason FROM audit_log ORDER BY at, id")
    return [
        (row["action"], row["subject"], *(msgspec.json.decode(row[name] or "null") for name in ("before", "after")),
         row["reason"])
        for row in rows
    ]  # fmt: skip


async def state(database: Database, *tables: str) -> list[str]:
    """Every row of these tables, and every change written down."""
    names = (*tables, "audit_log")
    rows = await database.fetch(
        " UNION ALL ".join(f"SELECT '{name}' || t::text FROM {name} t" for name in names) + " ORDER BY 1"
    )
    return [row[0] for row in rows]


async def made(api: Api, staff: dict[str, str], path: str, **body: Any) -> dict[str, Any]:
    """Something new."""
    answer = await api.post(f"{ADMIN}/{path}", json=body, headers=staff)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def slugs(api: Api, staff: dict[str, str], path: str, **params: Any) -> list[str]:
    """All that a list holds, page by page."""
    found, more = [], dict[str, Any]()
    while True:
        answer = await api.get(f"{ADMIN}/{path}", params={**params, **more}, headers=staff)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item["slug"] for item in page["items"]]
        if page["next_cursor"] is None:
            return found
        more = {"cursor": page["next_cursor"]}
