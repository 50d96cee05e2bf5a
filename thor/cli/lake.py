"""`thor lake`: Parquet of what the database holds, verified and brought back.

Door. Calls `thor.flow.lake_to_ledger`; what differs ends with 7, as in `thor bars compare`.
"""

import typer

app = typer.Typer(no_args_is_help=True, help="The lake: Parquet files, verified and brought back.")


@app.callback()
def lake() -> None:
    """The lake: Parquet files, verified and brought back."""
