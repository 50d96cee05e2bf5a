"""feat.trend is what docs/features/smoothing.md defines: its SQL is run, on both engines."""

import re
from pathlib import Path
from typing import Any

import psycopg
from features_made import differences, engine, into_duckdb, made_bars, put_bars

Link = psycopg.Connection[Any]
DOCUMENT = Path(__file__).parents[2] / "docs" / "features" / "smoothing.md"
# Four blocks of 256 bars, and a part of one.
BARS = 1100


def test_the_trend_is_the_mean_that_the_document_defines(connection: Link) -> None:
    (definition,) = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    put_bars(connection, made_bars(3, "ES", "1m", BARS))
    put_bars(connection, made_bars(3, "GC", "1m", 30))
    with engine(connection) as lake:
        into_duckdb(connection, lake, definition, "defined")
        whole = "select * from feat.trend('1m', null, '-infinity', 'infinity')"
        into_duckdb(connection, lake, whole, "found")
        # The walks have a hole of months, after 916 bars and after 25: means restart.
        first, second, short = 916, BARS - 916, 25
        assert lake.sql("select count(ema_9), count(ema_200) from defined").fetchall() == [
            (first - 8 + second - 8 + short - 8, first - 199)
        ]
        assert differences(lake, "defined", "found", 1e-9) == []
        assert differences(lake, f"({definition})", "feat.trend_1m", 1e-9) == []


def test_the_worked_example_is_right() -> None:
    rows = re.findall(r"^\| [123] \|(.*)\|$", DOCUMENT.read_text(), re.M)
    mean = total = 104.0
    for k, row in enumerate(rows, start=1):
        close, _, given, weighted, summed, ema = (cell.strip() for cell in row.split("|"))
        mean = 0.5 * mean + 0.5 * float(close)
        total += 0.5 * float(close) / 0.5**k
        assert given == f"0.5 · {close} = {0.5 * float(close):g}"
        assert (float(weighted), float(summed)) == (0.5 * float(close) / 0.5**k, total)
        assert float(ema) == mean == total * 0.5**k
    assert len(rows) == 3
