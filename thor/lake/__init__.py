"""The lake: the database's contents as Parquet files, and DuckDB over them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thor.lake.query.connect import connect
    from thor.lake.training import TrainingSet, training_set

__all__ = ["TrainingSet", "connect", "training_set"]


def __getattr__(name: str) -> Any:
    # Who reads manifests only, as the API and the jobs do, starts a second sooner without DuckDB.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "query.connect" if name == "connect" else "training"
    return getattr(import_module(f"{__name__}.{module}"), name)
