"""The lake: what the database holds, as files, and DuckDB over them."""

from thor.lake.query.connect import connect

__all__ = ["connect"]
