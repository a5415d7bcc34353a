"""Everything the simulator knows, in one SQLite file: a killed process loses nothing it answered for.

Writing is per request: reads go through an identity map, `commit` writes all that was put in one transaction.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dev.stripe.errors import Obj

TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE TABLE IF NOT EXISTS facets (
    kind TEXT, name TEXT, value TEXT, seq INTEGER, PRIMARY KEY (kind, name, value, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, at INTEGER, payment_intent TEXT, charge TEXT, what TEXT, amount INTEGER, currency TEXT);
CREATE INDEX IF NOT EXISTS journal_by_intent ON journal (payment_intent);
CREATE TABLE IF NOT EXISTS deadlines (id TEXT PRIMARY KEY, due INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, request_id TEXT NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,
    next_at REAL NOT NULL, answer INTEGER, error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_open ON deliveries (status) WHERE status IN ('pending', 'held');
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
NAMES = ("objects", "facets", "journal", "deadlines", "idempotency", "deliveries", "settings")

# The fields by which Stripe lets a list be filtered.
FACETS: Mapping[str, tuple[str, ...]] = {
    "payment_intent": ("customer",),
    "charge": ("payment_intent", "customer", "transfer_group"),
    "refund": ("charge", "payment_intent"),
    "payment_method": ("customer", "type"),
    "setup_intent": ("customer", "payment_method"),
    "checkout.session": ("customer", "payment_intent", "status"),
    "customer": ("email",),
    "transfer": ("destination", "transfer_group"),
    "transfer_reversal": ("transfer",),
    "dispute": ("charge", "payment_intent"),
    "event": ("type",),
}
UPSERT = (
    "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING seq"
)
UNBOUNDED = 2**62

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(dict[str, Any]).decode
Facets = frozenset[tuple[str, str]]


def facets_of(obj: Obj) -> Facets:
    """What this object can be found by, metadata included."""
    found = [(name, str(obj[name])) for name in FACETS.get(obj["object"], ()) if obj.get(name)]
    found += [(f"metadata.{key}", value) for key, value in (obj.get("metadata") or {}).items()]
    return frozenset(found)


class Store:
    """The simulator's database; one process, one thread, one open unit of work at a time."""

    def __init__(self, path: Path | None = None) -> None:
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, cached_statements=256)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(TABLES)
        self.seen: dict[str, Obj] = {}
        self.dirty: dict[str, Obj] = {}
        self.found_by: dict[str, Facets] = {}
        self.writes: list[tuple[str, tuple[Any, ...]]] = []

    def get(self, id: str) -> Obj | None:
        known = self.seen.get(id)
        if known is None:
            row = self.db.execute("SELECT body FROM objects WHERE id = ?", (id,)).fetchone()
            if row is None:
                return None
            known = self.remember(decode(row[0]))
        return known

    def remember(self, obj: Obj) -> Obj:
        """The one copy of an object within this unit of work."""
        id = obj["id"]
        if id in self.seen:
            return self.seen[id]
        self.seen[id] = obj
        self.found_by[id] = facets_of(obj)
        return obj

    def put(self, obj: Obj) -> None:
        self.seen[obj["id"]] = obj
        self.dirty[obj["id"]] = obj

    def write(self, sql: str, *values: Any) -> None:
        """Add a statement to what `commit` writes."""
        self.writes.append((sql, values))

    def commit(self) -> None:
        """Write everything put since the last commit, all or nothing."""
        if self.dirty or self.writes:
            execute = self.db.execute
            execute("BEGIN IMMEDIATE")
            try:
                for obj in self.dirty.values():
                    self.flush(obj)
                for sql, values in self.writes:
                    execute(sql, values)
            except BaseException:
                execute("ROLLBACK")
                raise
            execute("COMMIT")
        self.forget()

    def flush(self, obj: Obj) -> None:
        id, kind = obj["id"], obj["object"]
        (seq,) = self.db.execute(UPSERT, (id, kind, obj["created"], encode(obj))).fetchone()
        before, after = self.found_by.get(id, frozenset()), facets_of(obj)
        for name, value in before - after:
            self.db.execute(
                "DELETE FROM facets WHERE kind=? AND name=? AND value=? AND seq=?", (kind, name, value, seq)
            )
        for name, value in after - before:
            self.db.execute("INSERT OR IGNORE INTO facets VALUES (?, ?, ?, ?)", (kind, name, value, seq))

    def forget(self) -> None:
        """Drop the unit of work; what was not committed never happened."""
        self.seen.clear()
        self.dirty.clear()
        self.found_by.clear()
        self.writes.clear()

    def seq(self, id: str) -> int | None:
        row = self.db.execute("SELECT seq FROM objects WHERE id = ?", (id,)).fetchone()
        return None if row is None else int(row[0])

    def select(
        self,
        kind: str,
        facets: Mapping[str, str | list[str]] | None = None,
        *,
        created: Mapping[str, int] | None = None,
        below: int = UNBOUNDED,
        above: int = 0,
        oldest_first: bool = False,
        limit: int = -1,
    ) -> list[tuple[int, Obj]]:
        """Objects of a kind with their place in time, newest first, filtered as asked."""
        where, values = ["kind = ?", "seq < ?", "seq > ?"], [kind, below, above]
        for name, wanted in (facets or {}).items():
            options = wanted if isinstance(wanted, list) else [wanted]
            marks = ", ".join("?" * len(options))
            where.append(f"seq IN (SELECT seq FROM facets WHERE kind = ? AND name = ? AND value IN ({marks}))")
            values += [kind, name, *options]
        for comparison, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
            if created and comparison in created:
                where.append(f"created {sign} ?")
                values.append(created[comparison])
        order = "ASC" if oldest_first else "DESC"
        sql = f"SELECT seq, body FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"
        rows = self.db.execute(sql, (*values, limit)).fetchall()
        return [(seq, self.remember(decode(body))) for seq, body in rows]

    def setting(self, name: str, default: Any) -> Any:
        row = self.db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else msgspec.json.decode(row[0])

    def keep(self, name: str, value: Any) -> None:
        """Remember a setting at once, across restarts."""
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, encode(value)))

    def rows(self, sql: str, *values: Any) -> Iterable[tuple[Any, ...]]:
        return self.db.execute(sql, values).fetchall()

    def reset(self) -> None:
        """Forget all state, settings included."""
        self.forget()
        for name in NAMES:
            self.db.execute(f"DELETE FROM {name}")

    def close(self) -> None:
        self.db.close()
