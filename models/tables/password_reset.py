"""Asked-for password resets, one open at a time for an address.

An address without an account gets a row like any other, so that nothing, not even the time an answer takes, tells
whether somebody has an account. The six digits follow from the row's id and the secret key: nobody can read them here.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from models.tables.base import key, metadata, moment, now_column

password_resets = sa.Table(
    "password_resets", metadata,
    key(),
    sa.Column("email_key", sa.Text, nullable=False, unique=True, comment="keyed hash of the address in lower case"),
    sa.Column("user_id", pg.UUID(as_uuid=True), sa.ForeignKey("users.id"), comment="null: no such account"),
    now_column(),
    moment("expires_at", comment="the code's"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("verified_at", sa.DateTime(timezone=True)),
    sa.Column("used_at", sa.DateTime(timezone=True)),
)  # fmt: skip
