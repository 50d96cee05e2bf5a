"""The lake: the database's contents as Parquet files, and DuckDB over them."""

from thor.lake.query.connect import connect

__all__ = ["connect"]
