"""Rows as CSV for who asks for them: bars, ticks and features."""

import csv
import io
from datetime import timedelta

import pytest
from served import Api, publish, serving
from ticks_made import TS, take_in, tick

from api.schemas import TickRow
from api.tabular import as_csv


def test_a_null_is_empty_a_truth_is_a_word_and_a_comma_is_quoted() -> None:
    rows = [{"a": None, "b": True, "c": "x,y", "features": {"rsi_14": 50.5}}]
    assert as_csv(rows, []) == 'a,b,c,rsi_14\r\n,true,"x,y",50.5\r\n'


def test_no_rows_still_name_their_columns() -> None:
    assert as_csv([], ["ts", "symbol"]) == "ts,symbol\r\n"


def test_ticks_bars_and_features_come_as_csv_with_the_values_of_the_json(
    redis_url: str, database_url: str
) -> None:
    minutes = [tick(seq=n, ts=TS + timedelta(minutes=n), last=5500 + n) for n in range(3)]
    publish(redis_url, minutes)
    take_in(redis_url, database_url)
    with serving(database_url, redis_url) as api:
        for path in ("/api/ticks/ES", "/api/bars/ES", "/api/features/ES"):
            asked = {"names": "return_1,rsi_14"} if "features" in path else {}
            plain = api.get(path, **asked)
            answer = api.http.get(path, params=asked, headers={"Accept": "text/csv"})
            assert answer.headers["content-type"].startswith("text/csv"), path
            found = list(csv.DictReader(io.StringIO(answer.text)))
            assert len(found) == len(plain) == 3, path
            for row, whole in zip(found, plain, strict=True):
                flat = {**whole, **whole.pop("features", {})}
                flat.pop("features", None)
                for name, value in flat.items():
                    words = {None: "", True: "true", False: "false"}
                    said = (
                        words[value] if value is None or value is True or value is False else value
                    )
                    assert row[name] == str(said), (path, name)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/csv;q=0.5"])
def test_json_comes_where_csv_is_not_preferred(asked_api: Api, accept: str) -> None:
    answer = asked_api.http.get("/api/ticks/ES", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == []


def test_an_empty_csv_has_the_names_of_its_columns(asked_api: Api) -> None:
    answer = asked_api.http.get("/api/ticks/ES", headers={"Accept": "text/csv"})
    assert answer.text.split("\r\n")[0].split(",") == list(TickRow.__struct_fields__)
