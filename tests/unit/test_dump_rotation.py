"""A dump that rotates: which files stay, and which disk it needs."""

import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from thor import clock
from thor.config import Settings
from thor.database import dump
from thor.errors import Rejected, Unavailable

URL = "postgresql://thor@127.0.0.1:1/thor"
_Usage = namedtuple("_Usage", "total used free")


class Night:
    """Dumps that only write their name, a night apart."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.now = folder, datetime(2026, 11, 29, 4, tzinfo=UTC)
        patch.setattr(clock, "now", lambda: self.now)
        patch.setattr(dump, "dump", self._dump)

    def _dump(self, _url: str, file: Path, *_: Any) -> Path:
        file.write_text(file.name)
        return file

    def rotate(self, keep: int) -> list[str]:
        _, removed = dump.rotate(URL, self.folder, keep, Settings(), lambda *_: None)
        self.now += timedelta(days=1)
        return [file.name for file in removed]

    def names(self) -> list[str]:
        return sorted(file.name for file in self.folder.iterdir())


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    return Night(tmp_path / "dumps", monkeypatch)


def test_the_newest_stay_and_the_oldest_goes(night: Night) -> None:
    assert [night.rotate(2) for _ in range(3)] == [[], [], ["thor-20261129T040000Z.dump"]]
    assert night.names() == ["thor-20261130T040000Z.dump", "thor-20261201T040000Z.dump"]


def test_files_of_others_are_left_alone(night: Night) -> None:
    night.folder.mkdir()
    others = ["mine.dump", "thor-before-the-move.dump", "thor_live-20200101T000000Z.dump"]
    for name in others:
        (night.folder / name).touch()
    night.rotate(1)
    night.rotate(1)
    assert night.names() == sorted([*others, "thor-20261130T040000Z.dump"])


def test_nothing_is_removed_where_the_dump_fails(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.rotate(1)

    def fail(*_: Any) -> None:
        raise Unavailable("the server is away")

    monkeypatch.setattr(dump, "dump", fail)
    with pytest.raises(Unavailable):
        night.rotate(1)
    assert night.names() == ["thor-20261129T040000Z.dump"]


def test_a_disk_that_is_nearly_full_is_named_before_the_dump(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(1 << 40, 0, 100 << 20))
    with pytest.raises(Unavailable, match=r"100 MB are free, and a dump needs 500: free some"):
        night.rotate(7)
    assert night.names() == []


def test_none_to_keep_is_refused(night: Night) -> None:
    with pytest.raises(Rejected, match="--keep: 0 would keep none"):
        night.rotate(0)
