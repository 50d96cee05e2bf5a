"""A living workbook for tests: LibreOffice Calc, driven through UNO by a process beside it."""

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from excel_fake import FakeApp, FakeBook, FakeExcel, FakeSheet

_PYTHON = "/usr/bin/python3"


def missing() -> str | None:
    """Return why there is no Calc here, or None; `.ci/run` installs it."""
    if shutil.which("soffice") is None:
        return "no LibreOffice: apt-get install libreoffice-calc python3-uno"
    probe = [_PYTHON, "-c", "import uno"]
    if not Path(_PYTHON).exists() or subprocess.run(probe, capture_output=True).returncode:
        return "no UNO in the system's Python: apt-get install python3-uno"
    return None


class Calc:
    """One workbook with one sheet; a context that ends LibreOffice with it."""

    def __init__(self, sheet: str) -> None:
        self._lock = threading.Lock()
        script = Path(__file__).with_name("uno_calc.py")
        self._process = subprocess.Popen(
            [_PYTHON, str(script), sheet],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def __enter__(self) -> "Calc":
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.communicate(timeout=60)

    def write(self, cells: Mapping[str, Any]) -> None:
        """Write cells: numbers, texts, and formulas that begin with `=`."""
        self._ask({"do": "write", "cells": dict(cells)})

    def read(self, cells: str) -> list[list[Any]]:
        """Return what stands in a range, its formulas worked out."""
        values: list[list[Any]] = self._ask({"do": "read", "range": cells})["values"]
        return values

    def save(self, path: Path) -> None:
        """Save the workbook as .xlsx."""
        self._ask({"do": "save", "path": str(path)})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "LibreOffice has ended"
        found: dict[str, Any] = json.loads(line)
        return found


class CalcSheet(FakeSheet):
    """A sheet whose cells are Calc's, as xlwings asks for them."""

    def __init__(self, name: str, calc: Calc, cells: str) -> None:
        super().__init__(name, [[None]])
        self._calc, self._cells = calc, cells

    def raw(self) -> Any:
        self.reads += 1
        self.values = self._calc.read(self._cells)
        return self.values


def excel_over(calc: Calc, book: str, sheet: str, cells: str) -> FakeExcel:
    """Return an xlwings engine in which Calc's workbook is open under this name."""
    return FakeExcel(FakeApp(FakeBook(book, CalcSheet(sheet, calc, cells))))
