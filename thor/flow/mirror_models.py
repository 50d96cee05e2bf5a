"""Bring MLflow in step with the trainings, fitted models and aliases of the database.

Flow: 70 models → MLflow, which people look at. The tables model.* are the truth and are written
first; what MLflow lacks, since it was away or new, it gets at the next run. A process of its own,
started by `thor.services.mlflow_mirror`: importing MLflow takes seconds, and nothing else does it.
"""

import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from thor import database
from thor.config import Settings
from thor.database import Connection
from thor.errors import ThorError
from thor.learning import registry
from thor.observe import redacted
from thor.services.home import Home
from thor.services.mlflow_mirror import SCHEMA, Mirrored

# Runs of Thor are found again by these tags.
_DATABASE, _RUN, _VERSION = "thor.database", "thor.run_id", "thor.version_id"
_ENDED = ("FINISHED", "FAILED")
_PAGE = 1000


def mirror(url: str, mlflow_url: str, artifacts: Path) -> Mirrored:
    """Bring MLflow in step with the database at `url`; artifacts go below the folder.

    A tracking server keeps artifacts where it is configured to. Raises `Unavailable` where either
    is away.
    """
    check(mlflow_url)
    with database.connect(url, "mlflow") as connection:
        # One at a time: two would make the same run twice.
        database.rows(connection, "lock_mirror")
        return _Mirror(connection, mlflow_url, artifacts).run()


def check(mlflow_url: str) -> None:
    """Raise `Unavailable` where MLflow's PostgreSQL is away, before MLflow is imported."""
    if mlflow_url.startswith("postgresql"):
        database.connect(mlflow_url, "mlflow").close()


class _Mirror:
    """MLflow's client beside the database's connection."""

    def __init__(self, connection: Connection[Any], mlflow_url: str, artifacts: Path) -> None:
        from mlflow.store.db import utils
        from mlflow.tracking import MlflowClient

        # Of fifteen attempts, each twice as late as the one before, the last is after an hour.
        utils.MAX_RETRY_COUNT = 2
        tracking = _of_sqlalchemy(mlflow_url)
        self._connection, self._artifacts = connection, artifacts
        self._keeps_artifacts = not mlflow_url.startswith("http")
        self._client = MlflowClient(tracking_uri=tracking, registry_uri=tracking)
        made = database.one(connection, "mirrored_database")
        self._database = f"{made['nature']} {made['made_at']}"
        self._nature = made["nature"]
        self._runs = self._models = self._aliases = 0

    def run(self) -> Mirrored:
        """Add the runs and models that MLflow lacks, and set the aliases as they are here."""
        experiment = self._experiment()
        there = {run.data.tags[_RUN]: run for run in self._found(experiment)}
        for row in reversed(registry.runs(self._connection, limit=_PAGE)):
            if row["state"] == "running":
                continue
            found = there.get(str(row["run_id"]))
            if found is None or found.info.status not in _ENDED:
                self._add(experiment, row["run_id"], row["version_id"], found)
        self._set_aliases()
        return Mirrored(runs=self._runs, models=self._models, aliases=self._aliases)

    def _experiment(self) -> str:
        name = f"thor {self._nature}"
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        kept = self._artifacts.absolute().as_uri() if self._keeps_artifacts else None
        return str(self._client.create_experiment(name, artifact_location=kept))

    def _found(self, experiment: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs(
                [experiment],
                f"tags.`{_DATABASE}` = '{self._database}'",
                max_results=_PAGE,
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _add(self, experiment: str, run_id: int, version_id: int | None, cut: Any) -> None:
        """Add a run; one that an earlier mirror was interrupted in is completed."""
        row = registry.run(self._connection, run_id)
        if cut is None:
            cut = self._client.create_run(
                experiment,
                start_time=_ms(row["started_at"]),
                run_name=f"{row['run_id']} {_question(row)}",
                tags={_DATABASE: self._database, _RUN: str(run_id), "thor.reason": _text(row)},
            )
        own = cut.info.run_id
        for name, value in _parameters(row).items():
            self._client.log_param(own, name, str(value)[:6000])
        for name, step, figure in self._metrics(row):
            self._client.log_metric(own, name, figure, _ms(row["started_at"]), step)
        if row["state"] == "done":
            self._add_artifacts(own, run_id, version_id)
            if version_id is not None:
                self._add_model(own, version_id)
        is_done = row["state"] == "done"
        self._client.set_terminated(own, _ENDED[0 if is_done else 1], _ms(row["ended_at"]))
        self._runs += 1

    def _metrics(self, row: dict[str, Any]) -> Iterator[tuple[str, int, float]]:
        names = ("skill", "skill_low", "skill_high", "sharpe", "deflated_sharpe", "trials", "rows")
        for name in names:
            yield from _finite(name, 0, row[name])
        metrics = row["metrics"]
        for name in ("calibration_error", "accuracy", "sign_accuracy"):
            yield from _finite(name, 0, metrics.get(name))
        for group in ("losses", "profit_ticks", "trades"):
            for model, figure in metrics.get(group, {}).items():
                yield from _finite(f"{group}/{model}", 0, figure)
        for fold in registry.folds(self._connection, row["run_id"]):
            for name in ("loss", "skill", "profit_ticks"):
                yield from _finite(f"fold_{name}/{fold['model']}", fold["fold"], fold[name])

    def _add_artifacts(self, own: str, run_id: int, version_id: int | None) -> None:
        with tempfile.TemporaryDirectory(prefix="thor-mlflow-") as folder:
            report = Path(folder) / "report.html"
            report.write_text(registry.report(self._connection, run_id), encoding="utf-8")
            self._client.log_artifact(own, str(report))
            if version_id is None:
                return
            row = registry.version(self._connection, version_id)
            kept = {"sha256": row["artifact_sha256"]}
            model = Path(folder) / "model.skops"
            model.write_bytes(database.one(self._connection, "model_artifact", kept)["content"])
            self._client.log_artifact(own, str(model))

    def _add_model(self, own: str, version_id: int) -> None:
        row = registry.version(self._connection, version_id)
        name = self._name(row)
        if str(version_id) in self._versions(name):
            return
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException):
            # It may be there already.
            self._client.create_registered_model(name)
        self._client.create_model_version(
            name,
            source=f"runs:/{own}/model.skops",
            run_id=own,
            tags={
                _DATABASE: self._database,
                _VERSION: str(version_id),
                "thor.artifact_sha256": row["artifact_sha256"],
                "thor.set_hash": row["set_hash"],
            },
        )
        self._models += 1

    def _versions(self, name: str) -> dict[str, str]:
        """Return MLflow's version by Thor's, of a registered model."""
        found: dict[str, str] = {}
        token = None
        while True:
            page = self._client.search_model_versions(
                f"name = '{name}'", max_results=_PAGE, page_token=token
            )
            for one in page:
                if one.tags.get(_DATABASE) == self._database and _VERSION in one.tags:
                    found[one.tags[_VERSION]] = one.version
            token = page.token
            if not token:
                return found

    def _set_aliases(self) -> None:
        wanted: dict[str, dict[str, int]] = {}
        for row in registry.aliases(self._connection):
            wanted.setdefault(self._name(row), {})[row["alias"]] = row["version_id"]
        names = {self._name(row) for row in registry.versions(self._connection, limit=_PAGE)}
        for name in sorted(names):
            versions = self._versions(name)
            if not versions:
                continue
            now = self._client.get_registered_model(name).aliases
            for alias in registry.ALIASES:
                version_id = wanted.get(name, {}).get(alias)
                version = versions.get(str(version_id))
                if version is None and alias in now:
                    self._client.delete_registered_model_alias(name, alias)
                elif version is not None and str(now.get(alias)) != str(version):
                    self._client.set_registered_model_alias(name, alias, version)
                else:
                    continue
                self._aliases += 1

    def _name(self, row: dict[str, Any]) -> str:
        return f"thor {self._nature} {_question(row)}"


def _question(row: dict[str, Any]) -> str:
    return f"{row['target']} {row['horizon']} {'-'.join(row['symbols'])}"


def _parameters(row: dict[str, Any]) -> dict[str, Any]:
    names = ("target", "horizon", "set_name", "set_version", "set_hash", "seed", "threads")
    kept = {name: row[name] for name in names}
    kept |= {name: row[name] for name in ("code_version", "data_checksum", "data_source")}
    kept |= {name: row[name] for name in ("best_model", "baseline")}
    kept["symbols"] = ",".join(row["symbols"])
    kept["span_from"], kept["span_to"] = row["span_from"].isoformat(), row["span_to"].isoformat()
    given = dict(row["parameters"])
    for model, settings in given.pop("models", {}).items():
        kept |= {f"{model}.{name}": value for name, value in settings.items()}
    kept |= given
    kept |= {f"library.{name}": version for name, version in row["libraries"].items()}
    return {name: value for name, value in kept.items() if value is not None}


def _finite(name: str, step: int, figure: float | None) -> Iterator[tuple[str, int, float]]:
    if figure is not None and math.isfinite(figure):
        yield name, step, float(figure)


def _text(row: dict[str, Any]) -> str:
    return str(row["reason"] or "")[:4000]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _of_sqlalchemy(url: str) -> str:
    """Return a URL as SQLAlchemy takes it: with the driver that is installed."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def in_schema(url: str) -> str:
    """Return the URL of a PostgreSQL database for MLflow's own schema of it."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query["options"] = f"{query.get('options', '')} -csearch_path={SCHEMA}".strip()
    return urlunsplit(parts._replace(query=urlencode(query)))


def main() -> int:
    """Mirror once; what was done goes to the output as JSON, else why not, and 1."""
    settings = Settings()
    if settings.database_url is None:
        return _failed("`thor models mirror` starts it")
    url = settings.mlflow_url or in_schema(settings.database_url)
    try:
        check(url)
    except ThorError as error:
        return _failed(str(error))
    try:
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        return _failed(f"MLflow is not installed: {error}")
    try:
        done = mirror(settings.database_url, url, Home(settings.home).path / "mlflow")
    except (ThorError, MlflowException, OSError) as error:
        return _failed(str(error).strip() or type(error).__name__)
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
    return 0


def _failed(reason: str) -> int:
    sys.stderr.write(redacted(reason.splitlines()[0]) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
