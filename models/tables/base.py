"""What all tables share: names for constraints, columns for money, time and ids, and how a JSON value is stored."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.base import ischema_names

from models.cursor import Cursor

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


_encode = msgspec.json.Encoder().encode


def as_json(value: object) -> str:
    """A value as JSON text, for a `jsonb` parameter of a plain statement."""
    return _encode(value).decode()


def plain_uuid(value: UUID) -> UUID:
    """A plain UUID: the driver's own subclass is not one that every encoder knows."""
    return value if type(value) is UUID else UUID(int=value.int)


class Json(sa.types.TypeDecorator[Any]):
    """JSONB written and read by msgspec."""

    impl = pg.JSONB
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        return lambda value: None if value is None else as_json(value)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        decode = msgspec.json.Decoder().decode
        return lambda value: decode(value) if isinstance(value, str | bytes) else value


class TransactionId(sa.types.UserDefinedType[Any]):
    """`xid8`: which transaction wrote a row; they are numbered as they begin to write."""

    cache_ok = True

    def get_col_spec(self, **options: object) -> str:
        return "xid8"


ischema_names["xid8"] = TransactionId  # SQLAlchemy knows none: it would take a column that it finds for an error


def newest_first(
    query: sa.Select[Any], at: sa.ColumnElement[Any], id: sa.ColumnElement[Any], limit: int, after: Cursor | None
) -> sa.Select[Any]:
    """One page of a list by time and id: `limit` rows that come after the cursor."""
    if after is not None:
        query = query.where(sa.tuple_(at, id) < sa.tuple_(sa.literal(after.at), sa.literal(after.id)))
    return query.order_by(at.desc(), id.desc()).limit(limit)


def key(name: str = "id") -> sa.Column[Any]:
    """A UUIDv7 made by the caller, so that a repeated insert meets its own row."""
    return sa.Column(name, pg.UUID(as_uuid=True), primary_key=True)


def reference(name: str, target: str, **options: Any) -> sa.Column[Any]:
    """A column that points at another table's row."""
    return sa.Column(name, pg.UUID(as_uuid=True), sa.ForeignKey(target), **{"nullable": False, **options})


def moment(name: str, **options: Any) -> sa.Column[Any]:
    """An aware UTC time."""
    return sa.Column(name, sa.DateTime(timezone=True), **{"nullable": False, **options})


def now_column(name: str = "created_at") -> sa.Column[Any]:
    """The database's time of the insert."""
    return moment(name, server_default=sa.func.now())


def minor_units(name: str, **options: Any) -> sa.Column[Any]:
    """An amount in minor units; its currency stands in the row's `currency`."""
    return sa.Column(name, sa.BigInteger, **{"nullable": False, **options})


def currency(name: str = "currency", **options: Any) -> sa.Column[Any]:
    """ISO 4217, lower case."""
    return sa.Column(name, sa.String(3), **{"nullable": False, **options})


def one_of(name: str, words: Any, **options: Any) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    """A status column that Postgres itself keeps to the words of a StrEnum."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return (
        sa.Column(name, sa.Text, **{"nullable": False, **options}),
        sa.CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known"),
    )
