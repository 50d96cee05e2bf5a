"""Run calls in one thread, as COM's apartments demand, with a time limit.

Stage 20, collect. Where Excel takes long to answer, or never does, the caller goes on.
"""

import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


class Unanswered(TimeoutError):
    """The thread has not answered in time and is still at work."""


class ComThread:
    """One daemon thread in which every call runs, in order, one at a time."""

    def __init__(self) -> None:
        """Start the thread; on Windows it enters an apartment of its own."""
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._pending: Future[Any] | None = None
        # A daemon: a call that Excel never answers does not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="excel-com", daemon=True)
        self._thread.start()

    def call(self, do: Callable[[], T], timeout_s: float) -> T:
        """Return what `do` returns, or raise what it raises.

        Raises `Unanswered` after so many seconds, and while an earlier call is unanswered: there is
        never a second call at once.
        """
        if self._pending is not None:
            if not self._pending.done():
                raise Unanswered
            self._pending = None
        future: Future[T] = Future()
        self._jobs.put((do, future))
        try:
            return future.result(timeout_s)
        except TimeoutError:
            if future.done():
                raise
            self._pending = future
            raise Unanswered from None

    def close(self) -> None:
        """Let the thread end once it has answered."""
        self._jobs.put(None)

    def _run(self) -> None:
        _enter_apartment()
        while (job := self._jobs.get()) is not None:
            do, future = job
            with _Into(future):
                future.set_result(do())
            # COM objects are released in the thread that they belong to.
            del do, future, job


class _Into:
    """Passes an exception of a call to its future."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> bool:
        if error is not None:
            self._future.set_exception(error)
        return True


def _enter_apartment() -> None:
    if sys.platform == "win32":
        import pythoncom

        pythoncom.CoInitialize()
