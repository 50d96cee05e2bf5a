"""The lake: what the database holds, as files, and DuckDB over them."""
