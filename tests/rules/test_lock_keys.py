"""The numbers of advisory locks: each is one subject's, or two that never meet wait for another."""

import re

from source_tree import ROOT

_KEY = re.compile(r"\b74051\d\d\b")
# Locks that several files take, since they are about one thing.
SHARED = {
    "7405108": "an hour of bars: writers share it, a rebuild has it alone",
    "7405109": "ranges of ticks: writers share it, a drop has it alone",
    "7405113": "conversions of chunks, which a snapshot holds off",
    "7405160": "orders: the kill switch has it alone",
}


def test_no_two_subjects_take_the_same_lock() -> None:
    files = [*(ROOT / "db" / "sql").rglob("*.sql"), *(ROOT / "thor").rglob("*.py")]
    takers: dict[str, set[str]] = {}
    for file in files:
        for key in _KEY.findall(file.read_text()):
            takers.setdefault(key, set()).add(str(file.relative_to(ROOT)))
    twice = {key: names for key, names in takers.items() if len(names) > 1 and key not in SHARED}
    assert twice == {}, "take the next free number, or say in SHARED what both are about"
