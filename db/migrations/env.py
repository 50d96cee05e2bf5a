"""Alembic's entry: runs on the connection that `thor.database.schema` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="ops",
    transactional_ddl=True,
)
# Alembic makes its version table before the first revision runs.
context.get_context().connection.exec_driver_sql("create schema if not exists ops")
context.run_migrations()
