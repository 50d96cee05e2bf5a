"""Open the workbook as this system can: in Excel where there is one, else its saved file.

Stage 20, collect.
"""

import sys
from pathlib import Path

from thor.market.collect.excel.collector import Reader
from thor.market.collect.excel.live import LiveWorkbook
from thor.market.collect.excel.saved import SavedWorkbook, check_range

__all__ = ["check_range", "has_excel", "open_workbook"]


def open_workbook(file: str, sheet: str, cells: str) -> Reader:
    """Return the reader of a block: of the open workbook on Windows with Excel, else of a file.

    `file` is a name or a path; `cells` a range as `A1:N13` or a name of the workbook.
    """
    if has_excel():
        return LiveWorkbook(file, sheet, cells)
    return SavedWorkbook(Path(file).expanduser(), sheet, cells)


def has_excel() -> bool:
    """Return whether this machine has an Excel that COM can reach."""
    if sys.platform != "win32":
        return False
    import winreg

    try:
        winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, r"Excel.Application"))
    except OSError:
        return False
    return True
