"""Features that DuckDB computes of bars that another database holds."""

from datetime import UTC, datetime, timedelta

from thor.lake.query.compute import Engine

SYMBOLS = ("CL", "ES", "GC", "NQ", "RTY", "YM")
BARS = 25_000
FIRST = datetime(2024, 3, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_more_bars_than_duckdb_keeps_in_one_piece_are_computed() -> None:
    """122,880 rows are a piece; a limit over more, which PostgreSQL's SQL has, never ended."""
    starts = [FIRST + number * MINUTE for number in range(BARS)]
    lines = [
        f"{symbol},{at:%Y-%m-%d %H:%M:%S+00:00},{at + MINUTE:%Y-%m-%d %H:%M:%S+00:00},"
        f"{at + MINUTE:%Y-%m-%d %H:%M:%S+00:00},{at:%Y-%m-%d},2,3,1,{2 + number % 2},"
        "5,2,3,4,9,1,3,2,2\n"
        for symbol in SYMBOLS
        for number, at in enumerate(starts)
    ]
    with Engine(threads=2) as engine:
        engine.load("reference.series", ["".join(f"{one},{one}\n" for one in SYMBOLS).encode()])
        engine.load("market.bars_1m", ["".join(lines).encode()])
        span = (FIRST, FIRST + BARS * MINUTE)
        rows = engine.rows("1m", SYMBOLS, span, ["returns"])
    assert rows.num_rows == len(SYMBOLS) * BARS
    # Closes alternate between 2 and 3.
    returns = rows.column("return_1").to_pylist()
    assert returns[:4] == [None, 0.5, 2 / 3 - 1, 0.5]
