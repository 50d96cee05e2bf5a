"""The lake: what the database holds, as files, and DuckDB over them."""

from thor.lake.door import connect

__all__ = ["connect"]
