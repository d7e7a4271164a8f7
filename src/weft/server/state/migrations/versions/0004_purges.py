"""Plugins whose data is to be removed, until it is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table("purges", sa.Column("plugin", sa.String, primary_key=True))
