"""Ledgers are appended, never edited: Postgres refuses an UPDATE, DELETE or TRUNCATE, whoever asks."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LEDGERS = ("money_entries", "stock_movements", "order_events")


def upgrade() -> None:
    op.execute(
        "CREATE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is a ledger: append a correcting row instead', TG_TABLE_NAME; END $$"
    )
    for ledger in LEDGERS:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {ledger} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_edit()"
        )
        op.execute(f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {ledger} EXECUTE FUNCTION refuse_edit()")


def downgrade() -> None:
    for ledger in LEDGERS:
        op.execute(f"DROP TRIGGER append_only ON {ledger}")
        op.execute(f"DROP TRIGGER never_emptied ON {ledger}")
    op.execute("DROP FUNCTION refuse_edit()")
