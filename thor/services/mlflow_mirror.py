"""Start the process that brings MLflow in step with model.*: `thor.flow.mirror_models`.

Nothing else of Thor imports MLflow, which takes seconds. Its process runs with pickles and
telemetry off; what it cannot do while MLflow is away, the next one does.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import msgspec

from thor.config import Settings
from thor.errors import Unavailable
from thor.services.home import Home
from thor.services.process import rotate

# MLflow's own schema in Thor's database.
SCHEMA = "mlflow"
OFF = "none"
# A store that is made takes a few seconds; one that does not answer must hold nobody up.
_WAIT_S = 300
_ENVIRONMENT = {
    # Thor never loads a model through MLflow.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


class Mirrored(msgspec.Struct, frozen=True):
    """What MLflow got: trainings, fitted models, and aliases that were set or deleted."""

    runs: int
    models: int
    aliases: int


def is_on(settings: Settings) -> bool:
    """Return whether MLflow is to be kept in step."""
    return settings.mlflow_url != OFF


def mirror(url: str, settings: Settings) -> Mirrored:
    """Bring MLflow in step with the database at `url`, and wait for it.

    Raises `Unavailable` with the reason where MLflow is away, or is not installed.
    """
    try:
        done = subprocess.run(
            _command(),
            env=_environment(url, settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"THOR_MLFLOW_URL: no answer in {_WAIT_S} s") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"its process ended with {done.returncode}"
        raise Unavailable(f"THOR_MLFLOW_URL: {reason}")
    return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=Mirrored)


def start(url: str, settings: Settings) -> None:
    """Bring MLflow in step without waiting for it: its process outlives this one.

    Why it failed is in logs/mlflow.log of the home.
    """
    if not is_on(settings):
        return
    home = Home(settings.home)
    home.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = home.log("mlflow")
    rotate(log)
    with _appended(log) as output:
        process = subprocess.Popen(
            _command(),
            env=_environment(url, settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    # A process that was not waited for stays as a zombie of the API.
    threading.Thread(target=process.wait, name="mlflow-mirror", daemon=True).start()


def _appended(log: Path) -> IO[bytes]:
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _command() -> list[str]:
    return [sys.executable, "-m", "thor.flow.mirror_models"]


def _environment(url: str, settings: Settings) -> dict[str, str]:
    given = {"THOR_DATABASE_URL": url, "THOR_HOME": str(settings.home)}
    # The roles' passwords are not its business: it works as who is in the URL.
    kept = {k: v for k, v in os.environ.copy().items() if not k.endswith("_PASSWORD")}
    if settings.mlflow_url is not None:
        given["THOR_MLFLOW_URL"] = settings.mlflow_url
    return kept | _ENVIRONMENT | given
