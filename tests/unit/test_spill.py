"""Emissions that cannot be published are spilled to disk, in order, and published later."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ticks_made import TS, many

from thor.domain.mark import Mark
from thor.errors import Unavailable
from thor.flow.spill import Emission, Spill

MARK = Mark(symbol="ES", trade_date=date(2024, 7, 1), received_at=TS, prev_close=Decimal("4998.5"))


def never() -> bool:
    return False


def emissions(count: int) -> list[Emission]:
    return [Emission(many(3, first_seq=3 * number), [MARK]) for number in range(count)]


def drained(spill: Spill) -> list[Emission]:
    out: list[Emission] = []
    assert spill.drain(out.append, never)
    return out


def test_what_is_held_comes_out_in_order_and_leaves_no_file(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill" / "EXCEL.jsonl")
    assert not spill
    held = emissions(4)
    for emission in held:
        spill.add(emission)
    assert (bool(spill), spill.ticks) == (True, 12)
    assert drained(spill) == held
    assert (bool(spill), spill.ticks) == (False, 0)
    assert list((tmp_path / "spill").iterdir()) == []


def test_what_the_bus_does_not_take_stays_held_and_what_it_took_is_out(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "x.jsonl")
    held = emissions(4)
    for emission in held:
        spill.add(emission)
    out: list[Emission] = []

    def full_after_two(emission: Emission) -> None:
        if len(out) == 2:
            raise Unavailable("the bus is full")
        out.append(emission)

    with pytest.raises(Unavailable):
        spill.drain(full_after_two, never)
    assert spill.ticks == 6
    spill.add(Emission(many(1, first_seq=50)))
    assert out + drained(spill) == [*held, Emission(many(1, first_seq=50))]


def test_a_drain_ends_when_its_time_is_over_and_goes_on_later(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "x.jsonl")
    for emission in emissions(3):
        spill.add(emission)
    out: list[Emission] = []
    assert not spill.drain(out.append, lambda: len(out) == 1)
    assert spill.ticks == 6
    assert spill.drain(out.append, never)
    assert out == emissions(3)


def test_a_process_that_died_leaves_its_spill_to_the_next(tmp_path: Path) -> None:
    first = Spill(tmp_path / "x.jsonl")
    for emission in emissions(3):
        first.add(emission)
    out: list[Emission] = []
    first.drain(out.append, lambda: len(out) == 1)

    second = Spill(tmp_path / "x.jsonl")
    assert second.ticks == 6
    assert out + drained(second) == emissions(3)


def test_a_line_that_a_crash_cut_off_is_left_out_and_the_next_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    first = Spill(file)
    for emission in emissions(2):
        first.add(emission)
    file.write_bytes(file.read_bytes()[:-20])

    second = Spill(file)
    assert second.ticks == 3
    second.add(emissions(3)[2])
    assert drained(second) == [emissions(3)[0], emissions(3)[2]]


def test_a_disk_that_is_full_keeps_it_in_memory_until_it_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill = Spill(tmp_path / "x.jsonl")
    spill.add(emissions(1)[0])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="cannot be written: No space left on device"):
            spill.add(emissions(2)[1])
    assert spill.ticks == 6
    spill.add(emissions(3)[2])
    assert drained(spill) == emissions(3)


def test_refused_ticks_and_exact_prices_come_out_as_they_went_in(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "x.jsonl")
    tick = many(1, last=Decimal("118.31250000"), refused="last: is strange", bid=None)[0]
    spill.add(Emission([tick]))
    assert drained(spill) == [Emission([tick])]
