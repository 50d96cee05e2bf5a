"""Read the block from the workbook that is open in Excel, through xlwings.

Stage 20, collect. Attaches to the Excel that runs: it never opens a workbook, never starts
an Excel and never ends one. Every call runs in one thread, the whole block in one call.
"""

import atexit
import ntpath
import sys
from collections.abc import Callable
from typing import Any

from thor.market.collect.excel.com import ComThread, Unanswered
from thor.market.collect.excel.sheet import Block
from thor.market.collect.excel.states import NotRead

ANSWER_WITHIN_S = 10.0
# xlwings asks a busy Excel again at once, for ever; the next poll does that with a pause.
_COM_ATTEMPTS = 3
# After as many polls in a row without a workbook, it is looked for less often.
_FIRST_PAUSE_POLLS, _LONGEST_PAUSE_POLLS = 1, 8

# COM's errors while a person edits a cell or a dialogue is open.
_BUSY = frozenset({-2147418111, -2147417846, -2146777998})
# COM's errors after that Excel has ended.
_GONE = frozenset({-2147023174, -2147417848, -2147023170, -2147417842, -2147220995})
_ACCESS_DENIED = -2147024891


class LiveWorkbook:
    """An open workbook's block; it attaches at the first read, and again after a loss."""

    def __init__(
        self,
        file: str,
        sheet: str,
        cells: str,
        engine: Callable[[], Any] | None = None,
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        """Take the workbook's name or full path, the sheet's name, and a range or a name.

        `engine` gives the xlwings engine to use, Excel's own where there is none.
        """
        self._file = file
        self._sheet = sheet
        self._cells = cells
        self._engine = engine or _excel
        self._answer_within_s = answer_within_s
        self._thread = ComThread()
        self._range: Any = None
        self._first: tuple[int, int] = (1, 1)
        self._refused: NotRead | None = None
        self._pause_polls = self._left_polls = 0

    def read(self) -> Block:
        """Return the current block. Raises `NotRead`."""
        if self._refused is not None and self._left_polls > 0:
            self._left_polls -= 1
            raise NotRead(self._refused.state, self._refused.reason)
        try:
            block = self._thread.call(self._read, self._answer_within_s)
        except Unanswered:
            reason = f"Excel has not answered within {self._answer_within_s:g} s"
            raise NotRead("busy", reason) from None
        except NotRead as refused:
            self._back_off(refused)
            raise
        self._refused, self._pause_polls = None, 0
        return block

    def close(self) -> None:
        """Release the workbook and end the thread; Excel and the workbook stay open."""
        self._thread.close()

    def _back_off(self, refused: NotRead) -> None:
        # A search for the workbook calls every window; a busy Excel is called at every poll.
        self._refused = None
        if refused.state != "busy":
            doubled = max(self._pause_polls * 2, _FIRST_PAUSE_POLLS)
            self._pause_polls = min(doubled, _LONGEST_PAUSE_POLLS)
            self._refused, self._left_polls = refused, self._pause_polls

    def _read(self) -> Block:
        guard = _Guard(self._file)
        with guard:
            if self._range is None:
                self._range = self._attach()
                self._first = (self._range.row, self._range.column)
            values = self._range.options(ndim=2, err_to_str=True).value
            return Block(values, *self._first)
        if guard.is_lost:
            self._range = None
        raise guard.refused

    def _attach(self) -> Any:
        engine = self._engine()
        books = [book for app in engine.apps for book in app.books]
        if not books:
            raise NotRead(
                "not running",
                "no Excel with an open workbook in this desktop session, of this user and with "
                "the same elevation",
            )
        book = self._the_one(books)
        names = [sheet.name for sheet in book.sheets]
        named = [name for name in names if name.lower() == self._sheet.lower()]
        if not named:
            raise NotRead(
                "sheet or range not found",
                f"no sheet {self._sheet!r} in {book.name}; it has "
                f"{', '.join(map(repr, names[:8]))}",
            )
        guard = _Guard(self._file)
        with guard:
            return book.sheets[named[0]].range(self._cells)
        if guard.refused.state == "busy":
            raise guard.refused
        raise NotRead(
            "sheet or range not found", f"no range or table {self._cells!r} in {named[0]!r}"
        )

    def _the_one(self, books: list[Any]) -> Any:
        wanted = ntpath.normcase(ntpath.basename(self._file.replace("/", "\\")))
        named = [book for book in books if ntpath.normcase(book.name) == wanted]
        if not named:
            names = ", ".join(sorted(book.name for book in books)[:8])
            raise NotRead("workbook not open", f"{self._file} is not open; open are {names}")
        paths = [_path(book) for book in named]
        if ntpath.dirname(self._file.replace("/", "\\")):
            full = ntpath.normcase(ntpath.normpath(self._file))
            for book, path in zip(named, paths, strict=True):
                # A workbook on a cloud drive has an address instead of a path.
                if path is None or ntpath.normcase(ntpath.normpath(path)) == full:
                    return book
            raise NotRead("workbook not open", f"{paths[0]} is open, and {self._file} is named")
        if len(named) > 1:
            where = " and ".join(path or "a cloud drive" for path in paths)
            raise NotRead(
                "workbook not open",
                f"{len(named)} workbooks of this name are open, {where}: give the full path",
            )
        return named[0]


class _Guard:
    """Maps every error of COM, in each form in which xlwings raises it, to a state."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.refused = NotRead("busy", "")
        self.is_lost = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> bool:
        if error is None:
            return False
        if not isinstance(error, Exception):
            return False
        self.refused = error if isinstance(error, NotRead) else self._state(error)
        self.is_lost = self.refused.state != "busy"
        return True

    def _state(self, error: Exception) -> NotRead:
        codes = _codes(error)
        if codes & _BUSY or type(error).__name__ == "ExcelBusyError":
            return NotRead("busy", "a cell is being edited or a dialogue is open")
        if codes & _GONE:
            return NotRead("not running", "Excel was closed")
        if _ACCESS_DENIED in codes:
            return NotRead(
                "not running", "Excel runs with other rights: start Thor with the same elevation"
            )
        if isinstance(error, ImportError):
            return NotRead("not running", f"xlwings cannot be used here: {error}")
        text = " ".join(str(error).split())[:200]
        return NotRead("workbook not open", f"{self._file}: {text or type(error).__name__}")


def _codes(error: Exception) -> frozenset[int]:
    codes = {getattr(error, "hresult", None)}
    details = getattr(error, "excepinfo", None)
    if isinstance(details, tuple) and len(details) > 5:
        codes.add(details[5])
    return frozenset(code for code in codes if isinstance(code, int))


def _path(book: Any) -> str | None:
    guard = _Guard("")
    with guard:
        path = str(book.fullname)
        return None if "://" in path else path
    return None


def _excel() -> Any:
    import xlwings

    if sys.platform == "win32":
        from xlwings import _xlwindows

        # Its hook at exit would end every Excel that shows no window to this process.
        atexit.unregister(_xlwindows.cleanup)
        _xlwindows.N_COM_ATTEMPTS = _COM_ATTEMPTS
    if len(xlwings.engines) == 0:
        raise NotRead("not running", "this system has no Excel; give a saved workbook")
    return (
        xlwings.engines["excel"]
        if "excel" in xlwings.engines.engines_by_name
        else (xlwings.engines[0])
    )
