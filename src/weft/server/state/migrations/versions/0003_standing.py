"""How each release has fared. Those that are there already are believed to have served well."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("releases", sa.Column("standing", sa.String, nullable=False, server_default="settled"))
