"""What alembic runs: the migrations, on the connection that ``migrate`` opened."""

from alembic import context

from weft.server.state.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
