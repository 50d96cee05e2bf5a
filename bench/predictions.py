"""How long a promoted model takes, on a running Thor: `python bench/predictions.py`.

Prints the time of 11 rows through each champion, and of live bars how long after `known_at` their
features were stored and their predictions were committed, beside a bare commit. Needs a champion:
`thor demo learn` promotes one.
"""

import statistics
import time

import numpy as np
import psycopg

from thor import database
from thor.config import Settings
from thor.flow import infer
from thor.learning import predict
from thor.services.home import Home
from thor.services.running import database_url

ROWS, TURNS = 11, 200
LIVE = """
select
    1000 * extract(epoch from f.made_at - p.known_at)::float8,
    1000 * extract(epoch from p.written_at - p.known_at)::float8
from model.predictions as p
inner join store.features_1m as f using (symbol, bar_start)
where p.kind = 'live' and p.revision = 1
order by p.bar_start desc
limit 500
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
            _report(f"{ROWS} rows through model {question.version_id}", _times(model, x))
        rows = connection.execute(LIVE).fetchall()
        if rows:
            _report(f"known_at to stored features, {len(rows)} bars", [row[0] for row in rows])
            _report("known_at to committed prediction", [row[1] for row in rows])
        _report("a bare commit", _commits(connection))


def _profiles(connection: psycopg.Connection[object], model: int) -> list[dict[str, float]]:
    return database.rows(connection, "model_profiles", {"model_id": model})


def _times(model: predict.Served, x: np.ndarray) -> list[float]:
    found = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        predict.predict(model, x)
        found.append(1000 * (time.perf_counter() - begun))
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
    print(f"{what:<45} P50 {statistics.median(ms):8.2f} ms   P95 {ends[-1]:8.2f} ms")


if __name__ == "__main__":
    main()
