"""Features over HTTP: the catalogue, and features by name, width and range."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from features_made import FAMILIES, WIDTHS, put_bars
from served import Api, serving
from ticks_made import LISTING, rows, take_in, tick

from thor.flow.publish import Publisher
from thor.market.bus.client import Bus
from thor.runtime import Stop

Link = psycopg.Connection[Any]
FIRST = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
# Prices that come back after seven bars.
CLOSES = [Decimal(5000) + Decimal(n % 7) for n in range(60)]


def bar(n: int, width: str = "1m", symbol: str = "ES") -> tuple[Any, ...]:
    """Return the bar of a number as a vendor's: open, high, low and close are one price."""
    price = CLOSES[n]
    return symbol, width, FIRST + n * WIDTHS[width], price, price, price, price, 10


@pytest.fixture(scope="module")
def features_api(kept_url: str, endpoints: Any) -> Iterator[Api]:
    """An API over sixty bars of ES at 1m and of NQ at 1h."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_bars(link, (bar(n) for n in range(len(CLOSES))))
        put_bars(link, (bar(n, "1h", "NQ") for n in range(len(CLOSES))))
        # Two bars of YM, and one two months before them.
        put_bars(link, (bar(n, "1m", "YM") for n in (0, 1)))
        put_bars(link, [("YM", "1m", FIRST - timedelta(days=60), *4 * (Decimal(5000),), 10)])
    with serving(kept_url, endpoints.redis_url) as api:
        yield api


def instant(n: int) -> str:
    """Return the start of the bar of a number as the API writes it."""
    return (FIRST + n * WIDTHS["1m"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_catalogue_describes_every_feature(features_api: Api, kept_url: str) -> None:
    found = features_api.get("/api/features")
    (rsi,) = [one for one in found if one["name"] == "rsi_14"]
    with psycopg.connect(kept_url) as link:
        (said,) = rows(link, "select * from feat.catalogue where name = 'rsi_14' and width = '5m'")
        listed = rows(link, "select distinct family, name from feat.catalogue order by 1, 2")
    assert rsi == {
        **{key: said[key] for key in ("name", "family", "unit", "definition", "look_back")},
        "source": said["source"],
        "widths": ["1m", "5m", "1h"],
    }
    assert [(one["family"], one["name"]) for one in found] == [
        (one["family"], one["name"]) for one in listed
    ]
    assert {one["family"] for one in found} == set(FAMILIES)


def test_features_are_given_by_name_with_what_the_bar_was_known_at(features_api: Api) -> None:
    found = features_api.get("/api/features/es", names="return_1,true_range,return_5", limit=2)
    assert found == [
        {
            "symbol": "ES",
            "bar_start": instant(n),
            "known_at": instant(n + 1).replace(":00.0", ":01.0"),
            "is_open": False,
            "features": {
                "return_1": pytest.approx(float(CLOSES[n] / CLOSES[n - 1] - 1), abs=1e-12),
                "true_range": pytest.approx(float(abs(CLOSES[n] - CLOSES[n - 1]))),
                "return_5": pytest.approx(float(CLOSES[n] / CLOSES[n - 5] - 1), abs=1e-12),
            },
        }
        for n in (58, 59)
    ]
    assert list(found[0]["features"]) == ["return_1", "true_range", "return_5"]


def test_a_range_begins_with_its_first_bar_and_looks_back_before_it(features_api: Api) -> None:
    asked = {"from": instant(20)[:19] + "Z", "to": instant(23)[:19] + "Z", "names": "return_20"}
    found = features_api.get("/api/features/ES", **asked)
    assert [one["bar_start"] for one in found] == [instant(n) for n in (20, 21, 22)]
    first = found[0]["features"]["return_20"]
    assert first == pytest.approx(float(CLOSES[20] / CLOSES[0] - 1), abs=1e-12)
    assert features_api.get("/api/features/ES", **asked, limit=1) == found[-1:]
    before = features_api.get("/api/features/ES", **{**asked, "from": instant(0)[:19] + "Z"})
    assert [one["features"]["return_20"] is None for one in before] == [True] * 20 + [False] * 3
    assert features_api.get("/api/features/ES", to="2024-03-04") == []
    assert features_api.get("/api/features/ES", **{"from": "2024-03-05"}) == []
    assert features_api.get("/api/features/GC") == []


def test_the_newest_bars_are_found_on_both_sides_of_a_hole_of_weeks(features_api: Api) -> None:
    starts = ["2024-01-04T15:00:00.000000Z", instant(0), instant(1)]
    for limit, expected in ((2, starts[1:]), (3, starts), (10, starts)):
        found = features_api.get("/api/features/YM", names="return_1", limit=limit)
        assert [one["bar_start"] for one in found] == expected
    # A look-back does not cross the hole.
    returns = [one["features"]["return_1"] for one in found]
    assert returns == [None, None, pytest.approx(float(CLOSES[1] / CLOSES[0] - 1), abs=1e-12)]


def test_all_features_are_those_of_the_matrix(features_api: Api, kept_url: str) -> None:
    found = features_api.get("/api/features/NQ", width="1h", limit=10)
    with psycopg.connect(kept_url) as link:
        query = "select * from feat.matrix('1h', array['NQ'], '-infinity', 'infinity')"
        whole = rows(link, f"{query} order by bar_start")
    for one, row in zip(found, whole[-10:], strict=True):
        assert one["features"] == {
            name: value if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)
            for name, value in row.items()
            if name not in ("symbol", "bar_start", "known_at")
        }


@pytest.mark.parametrize(
    ("status", "path", "given", "says"),
    [
        (422, "ES", {"width": "1s"}, "width: '1s' is none of 1m, 5m, 1h"),
        (404, "XX", {}, "symbol: 'XX' is not listed; GET /api/instruments lists"),
        (404, "ES", {"names": "rsi_14,moon"}, "names: 'moon' is no feature; GET /api/features"),
        (404, "ES", {"names": "x'; drop table t"}, 'names: "x\'; drop table t" is no feature'),
        (422, "ES", {"names": "rsi_14,,"}, "names: 'rsi_14,,' has an empty name; write them as"),
        (422, "ES", {"from": "soon"}, "from: 'soon' is no time"),
        (422, "ES", {"from": "2024-03-05", "to": "2024-03-04"}, "to: 2024-03-04 is not after"),
        (422, "ES", {"limit": 0}, "limit: "),
        (422, "ES", {"limit": 10_001}, "limit: "),
    ],
)
def test_what_there_is_none_of_is_refused_by_field_and_fix(
    features_api: Api, status: int, path: str, given: dict[str, Any], says: str
) -> None:
    found = features_api.problem(f"/api/features/{path}", status, **given)
    assert found["detail"].startswith(says)


def test_a_row_is_open_until_its_sources_clock_has_passed_known_at(
    api: Api, redis_url: str, database_url: str
) -> None:
    bus = Bus(redis_url)
    edge = Publisher(bus, LISTING, Stop())
    try:
        for seconds, is_open in ((10, [True]), (60.5, [True, True]), (61.5, [False, True])):
            ts = FIRST + timedelta(seconds=seconds)
            edge.publish([tick(seq=int(seconds * 10), ts=ts, last=Decimal(5000))])
            take_in(redis_url, database_url)
            found = api.get("/api/features/ES", names="return_1")
            assert [one["is_open"] for one in found] == is_open
    finally:
        bus.close()
