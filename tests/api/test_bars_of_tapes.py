"""Recorded days on the stream: every bar that their clocks close is sent, and is its row."""

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from served import serving, streaming
from test_bars_stream import keeping
from ticks_made import account, rows, tick, wait_for

from thor.domain.bar import WIDTHS
from thor.flow.replay import admit, replay
from thor.market.bus.client import Bus
from thor.runtime import Stop

Link = psycopg.Connection[Any]
FILES = [
    "es_esu4_20240701_mbp1",
    "es_esh2_20220124_tbt",
    "es_esz3_201310_minute_quotes",
    "es_esh4_20231225_l1",
]


def standing(link: Link, width: str, until: datetime) -> list[dict[str, Any]]:
    """Return the bars of a width that a clock has passed, as the API gives them, and how wide."""
    query = (
        "select market.bar_json(b::text::market.bars_1m, i.display_precision, false, null, null,"
        f" null) as bar from market.bars_{width} as b"
        " join reference.series as s using (symbol)"
        " join reference.instruments as i on i.symbol = s.root"
        " where b.known_at <= %s order by b.bar_start, b.symbol"
    )
    return [{"width": width, "is_complete": True, **row["bar"]} for row in rows(link, query, until)]


@pytest.mark.parametrize("name", FILES)
def test_every_bar_that_a_tape_closes_is_sent_once_and_is_its_row(
    name: str, data: Path, connection: Link, database_url: str, redis_url: str
) -> None:
    path = data / "ticks" / f"{name}.parquet"
    tape, _ = admit(connection, path, as_root=None, overlap=False)
    bus = Bus(redis_url)
    with (
        keeping(redis_url, database_url),
        serving(database_url, redis_url) as api,
        streaming(api, events="bar", bars=",".join(WIDTHS)) as stream,
    ):
        stream.next("hello")
        replay(tape, bus, connection, None, Stop())
        wait_for(lambda: account(connection)[0] == tape.records, "the whole tape")
        last = max(span.last_ts for span in tape.spans.values())
        wait_for(lambda: not rows(connection, "select from market.bars_to_refresh"), "its bars")
        expected = [bar for width in WIDTHS for bar in standing(connection, width, last)]
        heard = [event.data for event in stream.take(len(expected), "bar", "gap")]
        # Another market closes its bars: behind those of the tape nothing more has come.
        bus.publish_clock("SIM", last)
        bus.publish([tick(symbol="YM", ts=last, last=Decimal(39000))])
        bus.publish_clock("SIM", last + timedelta(seconds=61))
        assert stream.next("bar", "gap").data["symbol"] == "YM"
    bus.close()
    assert Counter(map(_text, heard)) == Counter(map(_text, expected))
    # Of each width the oldest comes first.
    for width in WIDTHS:
        begun = [bar["bar_start"] for bar in heard if bar["width"] == width]
        assert begun == sorted(begun)
    assert len(heard) > 100 or name == "es_esh2_20220124_tbt"


def _text(bar: dict[str, Any]) -> str:
    return json.dumps(bar, sort_keys=True)
