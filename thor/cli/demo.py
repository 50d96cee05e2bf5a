"""`thor demo`: see Thor learn from the simulated market, and be held to what it predicts."""

from typing import Annotated, Any

import typer

from thor.cli.common import console, database_url, notes, progress_bar, show
from thor.errors import Refused, Unavailable

app = typer.Typer(no_args_is_help=True, help="What Thor can do, on the simulated market.")
# As long as a busy machine takes.
_HISTORY_WAIT_S = 300.0
_EVERY_S = 1.0


@app.command("learn")
def learn(
    minutes: Annotated[
        int, typer.Option(help="Show live predictions for so many bars.", min=1, max=1000)
    ] = 2,
) -> None:
    """Train on the simulated history, promote, and show live predictions with their hit rate.

    Needs a running Thor: `make run` or `thor up`, in another terminal.
    """
    from thor import clock, database
    from thor.cli.train import recorded
    from thor.config import Settings
    from thor.database import edition
    from thor.flow.train import Ask, train
    from thor.learning import registry

    url = database_url()
    begun_s = clock.monotonic_s()
    with database.connect(url, "cli") as connection:
        nature = edition.read(connection).nature
        if nature != "simulated":
            raise Refused(
                f"demo: this database is {nature}; the demo learns of a simulated market: "
                "`thor train` and `thor models promote` are for yours"
            )
        _wait_for_history(connection)
        ask = Ask(target="direction", horizon="1m", symbols=("ES",))
        with progress_bar() as bar:
            task = bar.add_task("training", total=None)
            found = train(
                url,
                ask,
                lambda what, done, total: bar.update(
                    task, description=what, completed=done, total=total
                ),
            )
        console.print(
            f"trained model {found.version_id} ({found.model}) on {found.rows:,} minutes of ES: "
            f"skill over {found.baseline} {found.skill:+.2%}, 95% from {found.skill_low:+.2%} to "
            f"{found.skill_high:+.2%}, out of sample"
        )
        registry.promote(connection, found.version_id, "champion", "demo", "thor demo learn")
        console.print(f"promoted: it predicts with every bar, from {_now()} UTC on")
        _show(connection, found.version_id, minutes)
    # Last, since MLflow may take its time where it is made for the first time.
    notes.print(recorded(url, Settings()))
    console.print(
        f"done in {clock.monotonic_s() - begun_s:,.0f} s; the page Models goes on from here, and "
        "so do `thor models skill` and `thor predict ES`"
    )


def _wait_for_history(connection: Any) -> None:
    """Wait until the features of the history are made."""
    from thor import clock, database

    end_s = clock.monotonic_s() + _HISTORY_WAIT_S
    is_noted = False
    while True:
        values = {"width": "1m", "rows_max": 10_000}
        if not database.rows(connection, "large_feature_ranges", values):
            found = database.one(
                connection, "stored_feature_bounds", {"symbols": ["ES"], "width": "1m"}
            )
            if found["first"] is not None:
                return
        if clock.monotonic_s() > end_s:
            raise Unavailable(
                "demo: the features of the history are not there yet; `thor features status` shows "
                "how far they are, and `thor up` makes them"
            )
        if not is_noted:
            notes.print("waiting for the features of the history")
            is_noted = True
        clock.sleep_s(_EVERY_S)


def _show(connection: Any, model_id: int, bars: int) -> None:
    """Print each prediction as it is made, and its outcome once that is known."""
    from thor import clock, database

    values = {
        "symbol": "ES",
        "target": None,
        "horizon": None,
        "model_id": model_id,
        "ts_from": None,
        "ts_to": None,
        "limit": 50,
    }
    words = {1.0: "up", -1.0: "down", 0.0: "within costs"}
    made: set[int] = set()
    joined: set[int] = set()
    # A minute for each bar, and one more until the last has its outcome.
    end_s = clock.monotonic_s() + 60.0 * (bars + 1) + 30.0
    while len(joined) < bars and clock.monotonic_s() < end_s:
        for row in reversed(database.rows(connection, "predictions_page", values)):
            number, at = row["prediction_id"], f"{row['known_at']:%H:%M:%S}"
            if row["kind"] != "live":
                continue
            if number not in made:
                made.add(number)
                if row["value"] is None:
                    console.print(f"{at}  ES  no prediction: {row['refused']}")
                    continue
                console.print(
                    f"{at}  ES  {words[row['value']]:<12}  {row['probability']:.0%} sure, "
                    f"{row['latency_ms']:,.0f} ms after the bar was known"
                )
            if row["actual"] is not None and number not in joined:
                joined.add(number)
                hit = "hit" if row["is_hit"] else "miss"
                console.print(f"{at}  ES  was {words[row['actual']]}: {hit}")
        clock.sleep_s(_EVERY_S)
    skill = [row for row in database.rows(connection, "model_skill") if row["model_id"] == model_id]
    show(
        [
            {
                "model": row["model_id"],
                "predictions": row["predictions"],
                "outcomes": row["outcomes"],
                "hits": row["hits"],
                "hit rate": None if row["hit_rate"] is None else f"{row['hit_rate']:.1%}",
                "expected": None if row["expected"] is None else f"{row['expected']:.1%}",
            }
            for row in skill
        ],
        "live",
        as_json=False,
    )


def _now() -> str:
    from thor import clock

    return f"{clock.now():%H:%M:%S}"
