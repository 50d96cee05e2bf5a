"""`thor predict`: ask the promoted models about the newest row, or one of the past."""

from typing import Annotated

import typer

from thor.cli.common import AsJson, open_database, show, utc_bound
from thor.errors import Rejected


def predict(
    symbols: Annotated[str, typer.Argument(help="The series, ES or ES,NQ.")],
    at: Annotated[
        str | None,
        typer.Option("--at", help="A moment, UTC: 2026-11-20T14:30:00Z; the market's now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the promoted models what they expect; keeps nothing."""
    from thor.flow.infer import predict_at

    named = [part.strip().upper() for part in symbols.split(",") if part.strip()]
    if not named:
        raise Rejected("symbols: name one or more, ES,NQ say")
    with open_database() as connection:
        rows = predict_at(connection, named, utc_bound(at, "--at"))
    shown = [
        {
            "symbol": row["symbol"],
            "target": row["target"],
            "horizon": row["horizon"],
            "model": row["model_id"],
            "known at": row["known_at"],
            "value": None if row["value"] is None else f"{row['value']:+.6g}",
            "probability": None if row["probability"] is None else f"{row['probability']:.1%}",
            "reason": row["refused"],
        }
        for row in rows
    ]
    show(rows if as_json else shown, "predictions", as_json=as_json)
