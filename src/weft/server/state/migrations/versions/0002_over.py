"""Which files named by the operator a deployed plugin stands in for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("plugins", sa.Column("over", sa.String, nullable=False, server_default=""))
