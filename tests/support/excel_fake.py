"""An xlwings engine over Excels that are none: the library's own conversion runs on them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import xlwings
from xlwings import base_classes


class Refusing(Exception):
    """What COM raises, with its code; `code` also comes as the inner code of an exception."""

    def __init__(self, code: int, inner: int | None = None) -> None:
        super().__init__(f"({code}, 'refused')")
        self.hresult = code
        self.excepinfo = None if inner is None else (0, "Excel", "", None, 0, inner)


class FakeRange(base_classes.Range):
    """A range whose cells are what the test put into its sheet."""

    def __init__(self, sheet: "FakeSheet", cells: str) -> None:
        self._sheet, self.cells = sheet, cells

    @property
    def sheet(self) -> "FakeSheet":
        return self._sheet

    @property
    def row(self) -> int:
        return 1

    @property
    def column(self) -> int:
        return 1

    @property
    def coords(self) -> tuple[Any, ...]:
        rows = self.sheet.values
        return self.sheet, 1, 1, len(rows), len(rows[0])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.sheet.values), len(self.sheet.values[0])

    @property
    def raw_value(self) -> Any:
        return self.sheet.raw()


class FakeSheet(base_classes.Sheet):
    """A sheet with values, and what a read of it raises instead."""

    def __init__(self, name: str, values: Sequence[Sequence[Any]]) -> None:
        self._name, self.values = name, [list(row) for row in values]
        self.raises: Exception | None = None
        self.reads = 0
        self.owner: FakeBook | None = None

    @property
    def book(self) -> Any:
        return self.owner

    @property
    def name(self) -> str:
        return self._name

    def raw(self) -> Any:
        self.reads += 1
        if self.raises is not None:
            raise self.raises
        return [list(row) for row in self.values]

    def range(self, arg1: Any, arg2: Any = None) -> FakeRange:
        if arg1 == "NoSuchName":
            raise Refusing(-2147352567, -2146827284)
        return FakeRange(self, arg1)


class FakeSheets(base_classes.Sheets):
    """The sheets of a book."""

    def __init__(self, sheets: list[FakeSheet]) -> None:
        self.all = sheets

    def __call__(self, name_or_index: Any) -> FakeSheet:
        if isinstance(name_or_index, int):
            return self.all[name_or_index - 1]
        return next(sheet for sheet in self.all if sheet.name == name_or_index)

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Any:
        return iter(self.all)


class FakeBook(base_classes.Book):
    """A workbook that is open; a folder that is an address is a cloud drive."""

    def __init__(self, name: str, *sheets: FakeSheet, folder: str = "C:\\desk") -> None:
        self._name, self._folder = name, folder
        self._sheets = FakeSheets(list(sheets))
        self.owner: FakeApp | None = None
        for sheet in sheets:
            sheet.owner = self

    @property
    def app(self) -> Any:
        return self.owner

    @property
    def name(self) -> str:
        return self._name

    @property
    def fullname(self) -> str:
        return f"{self._folder}{'/' if '://' in self._folder else chr(92)}{self._name}"

    @property
    def sheets(self) -> FakeSheets:
        return self._sheets


class FakeBooks(base_classes.Books):
    """The workbooks of one Excel."""

    def __init__(self, books: list[FakeBook]) -> None:
        self.all = books

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Any:
        return iter(self.all)


class FakeApp(base_classes.App):
    """An Excel that runs; ending it is not for a collector to do."""

    def __init__(self, *books: FakeBook) -> None:
        self._books = FakeBooks(list(books))
        for book in books:
            book.owner = self

    @property
    def engine(self) -> Any:
        return xlwings.engines["fake"].impl

    @property
    def pid(self) -> int:
        return 4711

    @property
    def books(self) -> FakeBooks:
        return self._books

    def quit(self) -> None:
        raise AssertionError("the collector ended the user's Excel")

    kill = quit


class FakeApps(base_classes.Apps):
    """The Excels of the desktop."""

    def __init__(self, apps: list[FakeApp]) -> None:
        self.all = apps

    def __iter__(self) -> Any:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def add(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("the collector started an Excel")


class FakeExcel:
    """An xlwings engine over fake Excels: the library's own conversion runs on what it gives."""

    name = "fake"
    type = "desktop"

    def __init__(self, *apps: FakeApp) -> None:
        self.running = list(apps)

    @property
    def apps(self) -> FakeApps:
        return FakeApps(self.running)

    def __call__(self) -> Any:
        """Return the engine as xlwings knows engines."""
        engine = xlwings.main.Engine(impl=self)
        xlwings.engines.engines_by_name[self.name] = engine
        engine.activate()
        return engine

    @staticmethod
    def clean_value_data(
        data: Any, datetime_builder: Any, empty_as: Any, _: Any, err_to_str: bool
    ) -> Any:
        """Clean cells as the engine for Excel on Windows does."""
        errors = {-2146826281: "#DIV/0!", -2146826246: "#N/A", -2146826259: "#NAME?"}

        def cleaned(cell: Any) -> Any:
            if cell in ("", None):
                return empty_as
            if isinstance(cell, dt.datetime):
                return datetime_builder(
                    month=cell.month, day=cell.day, year=cell.year, hour=cell.hour,
                    minute=cell.minute, second=cell.second, microsecond=0, tzinfo=None,
                )  # fmt: skip
            if isinstance(cell, int) and cell in errors:
                return errors[cell] if err_to_str else None
            return cell

        return [[cleaned(cell) for cell in row] for row in data]

    @staticmethod
    def prepare_xl_data_element(x: Any, _: Any) -> Any:
        return x
