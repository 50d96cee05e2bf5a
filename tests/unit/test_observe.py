"""Logs hide secrets, and count an error that is repeated instead of writing it again."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from thor import observe
from thor.observe import Repeats


@pytest.fixture
def unconfigured() -> Iterator[None]:
    """Take back what a test configures."""
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()


class Written:
    """What passed, and the counts; time passes where the test lets it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.counts: list[tuple[str, int]] = []
        self.repeats = Repeats(
            lambda event, times: self.counts.append((event["event"], times)), 60, lambda: self.now_s
        )

    def passes(self, text: str, level: str = "error", **fields: Any) -> bool:
        try:
            self.repeats(None, level, {"event": text, "level": level, **fields})
        except structlog.DropEvent:
            return False
        return True


def test_an_error_within_a_minute_is_written_once_and_then_counted() -> None:
    log = Written()
    assert [log.passes("no answer", reason=f"port {n}") for n in range(5)] == [True, *[False] * 4]
    log.now_s = 59
    assert not log.passes("no answer", reason="port 9")
    assert log.counts == []
    log.now_s = 60
    assert log.passes("no answer", reason="port 9")
    assert log.counts == [("no answer", 5)]
    log.repeats.flush(is_end=True)
    assert log.counts == [("no answer", 5)]


def test_errors_that_differ_in_words_are_written_each() -> None:
    log = Written()
    assert log.passes("no answer", reason="refused")
    assert log.passes("no answer", reason="timed out")
    assert log.passes("no answer", level="warning", reason="refused", job="bars")


def test_a_wait_is_counted_and_what_a_job_did_is_not() -> None:
    log = Written()
    assert log.passes("waiting", level="info", attempt=1)
    assert not log.passes("waiting", level="info", attempt=2)
    assert all(log.passes("exported", level="info", ticks=n) for n in range(3))
    log.repeats.flush(is_end=True)
    assert log.counts == [("waiting", 1)]


@pytest.mark.usefixtures("unconfigured")
def test_a_library_s_errors_are_redacted_and_counted_like_thor_s(
    capsys: pytest.CaptureFixture[str],
) -> None:
    early = observe.logger("api")
    observe.configure("info", "json")
    for _ in range(3):
        logging.getLogger("asyncio").error("no answer of redis://:hidden@127.0.0.1:6379")
        early.error("unforeseen", exc_info=ValueError("postgresql://thor:hidden@db/thor"))
    early.info("serving")
    written = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [one["event"] for one in written] == [
        "no answer of redis://:***@127.0.0.1:6379",
        "unforeseen",
        "serving",
    ]
    assert written[0]["library"] == "asyncio"
    assert "hidden" not in str(written)
    assert all("timestamp" in one for one in written)
    found = structlog.get_config()["processors"]
    next(one for one in found if isinstance(one, Repeats)).flush(is_end=True)
    counts = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["level"], one["event"]) for one in counts] == [
        ("error", "no answer of redis://:***@127.0.0.1:6379 … repeated 2 times"),
        ("error", "unforeseen … repeated 2 times"),
    ]
