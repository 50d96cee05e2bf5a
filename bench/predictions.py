"""How long a promoted model takes, on a running Thor: `python bench/predictions.py`.

Prints the time of 11 rows through each champion, beside that of the processor alone, which a busy
machine does not change; then of the next bars how long after `known_at` their features were
committed, which is when the feature store's notice comes, and their predictions, beside a bare
commit. Needs a champion: `thor demo learn` promotes one.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import psycopg

from thor import database
from thor.config import Settings
from thor.flow import infer
from thor.learning import predict
from thor.services.home import Home
from thor.services.running import database_url

ROWS, TURNS, BARS = 11, 200, 3
NEWEST = """
select
    max(bar_start) as bar_start,
    1000 * extract(epoch from clock_timestamp() - max(bar_start) - interval '61 s')::float8 as ms
from store.features_1m
"""
PREDICTED = """
select 1000 * extract(epoch from max(written_at) - max(known_at))::float8
from model.predictions
where bar_start = %s and revision = 1
"""


def main() -> None:
    """Measure and print."""
    settings = Settings()
    url = database_url(Home(settings.home), settings)
    with database.connect(url, "bench") as connection:
        for question in infer.served_questions(connection):
            model = infer.load(connection, question.version_id)
            middle = [row["low"] for row in _profiles(connection, question.version_id)]
            x = np.array([middle] * ROWS, np.float32)
            what = f"{ROWS} rows through model {question.version_id}"
            _report(what, _times(model, x, time.perf_counter))
            _report(f"{what}, of the processor", _times(model, x, time.process_time))
        commit_ms = _commits(connection)
        _report("a bare commit", commit_ms)
        bare_ms = statistics.median(commit_ms)
        for features_ms, predicted_ms in _bars(connection):
            ratio = predicted_ms / (features_ms + bare_ms)
            print(
                f"known_at to features {features_ms:8.1f} ms, to predictions {predicted_ms:8.1f} "
                f"ms: {ratio:.2f} times features and a commit"
            )


def _bars(connection: psycopg.Connection[object]) -> list[tuple[float, float]]:
    """Wait for the next bars; returns when their features and predictions were committed, ms."""
    database.rows(connection, "listen_features")
    (last, _) = connection.execute(NEWEST).fetchone()
    found = {}
    while len(found) < BARS:
        database.wait_for_notice(connection, 90.0)
        (start, ms) = connection.execute(NEWEST).fetchone()
        if start != last:
            last = start
            found[start] = ms
    time.sleep(5)
    made = {start: connection.execute(PREDICTED, (start,)).fetchone()[0] for start in found}
    return [(ms, made[start]) for start, ms in found.items() if made[start] is not None]


def _profiles(connection: psycopg.Connection[object], model: int) -> list[dict[str, float]]:
    return database.rows(connection, "model_profiles", {"model_id": model})


def _times(model: predict.Served, x: np.ndarray, now_s: Callable[[], float]) -> list[float]:
    found = []
    for _ in range(TURNS):
        begun_s = now_s()
        predict.predict(model, x)
        found.append(1000 * (now_s() - begun_s))
    return found


def _commits(connection: psycopg.Connection[object]) -> list[float]:
    connection.execute("create temp table bare (n integer)")
    found = []
    for number in range(TURNS):
        begun = time.perf_counter()
        connection.execute("insert into bare values (%s)", (number,))
        found.append(1000 * (time.perf_counter() - begun))
    return found


def _report(what: str, ms: list[float]) -> None:
    ends = statistics.quantiles(ms, n=20)
    print(f"{what:<52} P50 {statistics.median(ms):8.2f} ms   P95 {ends[-1]:8.2f} ms")


if __name__ == "__main__":
    main()
