"""The example notebook runs from top to bottom on a lake, and is committed without outputs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import notebooks
import psycopg
import pytest
from bars_written import write_tape
from features_made import made_bars, put_bars, put_sessions
from lake_made import write_lake

from thor.flow.replay import admit
from thor.market.bars import refresh

Link = psycopg.Connection[Any]
# As the file itself says of its first and last row.
ENDS = ["4347.75", "4345.75"]
NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def url(data: Path, kept_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lake with days of one-minute bars of ES, and a minute of ticks of a month of it."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        put_sessions(link, ("CME_EQUITY",))
        put_bars(link, made_bars(7, "ES", "1m", 3000))
        path = data / "ticks" / "es_esh2_20220124_tbt.parquet"
        write_tape(link, admit(link, path, as_root=None, overlap=False)[0])
        refresh.catch_up(link)
        yield write_lake(link, tmp_path_factory.mktemp("lake"))


def test_there_is_a_notebook() -> None:
    # The second runs in tests/integration/test_training.py, where a lake has stored features.
    assert [path.stem for path in NOTEBOOKS] == ["a_day_of_features", "a_training_set"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_a_notebook_runs_on_a_lake(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = notebooks.shown(NOTEBOOKS[0], url, tmp_path, monkeypatch)
    held, minutes, ends = notebooks.tables(shown)
    assert held.split("\n")[1].split()[1:3] == ["ES", "3000"]
    assert all(name in minutes for name in ("close", "vwap_session", "rsi_14", "known_at"))
    # The recording's first and last price, and how many trades it has.
    assert ends.split("\n")[1].split()[1:] == ["ESH22", "2022-01-24", *ENDS, "2026"]
    assert len([output for output in shown if "image/png" in output.get("data", {})]) == 1
