"""A job's loop leaves a mark that others can read the age of."""

import os
from pathlib import Path

import pytest

from thor import clock
from thor.runtime import Pulse


def test_a_loop_that_asks_leaves_a_mark_where_there_was_not_even_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "run" / "gaps.pulse"
    stop = Pulse(file)
    assert not file.exists()
    assert not stop
    assert file.exists()


@pytest.mark.parametrize("ask", [bool, lambda stop: stop.wait(0)])
def test_the_mark_is_renewed_every_five_seconds_and_not_at_each_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: object
) -> None:
    assert callable(ask)
    now_s = 100.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)
    file = tmp_path / "bars.pulse"
    stop = Pulse(file)
    ask(stop)
    os.utime(file, (0, 0))
    now_s = 104.9
    ask(stop)
    assert file.stat().st_mtime == 0
    now_s = 105.0
    ask(stop)
    assert file.stat().st_mtime > 0


def test_a_wish_to_stop_is_heard_as_ever(tmp_path: Path) -> None:
    stop = Pulse(tmp_path / "gaps.pulse")
    assert stop.wait(0) is False
    stop.set()
    assert stop
    assert stop.wait(3600) is True


def test_a_home_is_not_made_for_the_sake_of_a_mark(tmp_path: Path) -> None:
    assert not Pulse(tmp_path / "home" / "run" / "gaps.pulse")
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_cannot_be_left_stops_no_job(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    stop = Pulse(tmp_path / "run" / "gaps.pulse")
    assert not stop
    assert stop.wait(0) is False
