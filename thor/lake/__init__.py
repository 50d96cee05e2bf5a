"""The lake: the database's contents as Parquet files, and DuckDB over them."""

from thor.lake.query.connect import connect
from thor.lake.training import TrainingSet, training_set

__all__ = ["TrainingSet", "connect", "training_set"]
