"""Write a workbook with thinkorswim's RTD formulas, ready to be opened in Excel.

Stage 20, collect. The reader of this package reads it back.
"""

from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font

from thor.errors import Refused, Rejected

SHEET = "LiveData"
RANGE = "A1:N13"
HEADER = (
    "Type", "Symbol", "Description", "Close", "Open", "NetChange", "High", "Low", "Volume",
    "Bid", "Last", "Ask", "BidSize", "AskSize",
)  # fmt: skip
# Each column's RTD topic.
_TOPICS = {
    "Close": "CLOSE", "Open": "OPEN", "NetChange": "NET_CHANGE", "High": "HIGH", "Low": "LOW",
    "Volume": "VOLUME", "Bid": "BID", "Last": "LAST", "Ask": "ASK", "BidSize": "BID_SIZE",
    "AskSize": "ASK_SIZE",
}  # fmt: skip
# Type, the broker's symbol, description: in the order of the desk's board.
_ROWS = (
    ("Future", "/YM:XCBT", "E-mini Dow"),
    ("Future", "/ES:XCME", "E-mini S&P 500"),
    ("Future", "/NQ:XCME", "E-mini Nasdaq-100"),
    ("Future", "/RTY:XCME", "E-mini Russell 2000"),
    ("Future", "/CL:XNYM", "Crude oil"),
    ("Future", "/SI:XCEC", "Silver"),
    ("Future", "/HG:XCEC", "Copper"),
    ("Future", "/GC:XCEC", "Gold"),
    ("Future", "/VX:XCBF", "VIX"),
    ("Index", "$DXY", "US Dollar Index"),
    ("Future", "/ZB:XCBT", "30-year T-bond"),
)


def write(path: Path) -> int:
    """Write the workbook and return how many instruments it holds.

    Raises `Rejected` for a name that does not end in .xlsx or a folder that cannot be
    written, `Refused` where the file is there already.
    """
    if path.suffix.lower() != ".xlsx":
        raise Rejected(f"file: {path.name} has to end in .xlsx")
    if path.exists():
        raise Refused(f"file: {path} is there already; give another name")
    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    sheet.append(HEADER)
    for kind, symbol, description in _ROWS:
        formulas = [f'=RTD("tos.rtd",,"{topic}","{symbol}")' for topic in _TOPICS.values()]
        sheet.append((kind, symbol, description, *formulas))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "D2"
    sheet.column_dimensions["C"].width = 22
    try:
        book.save(path)
    except OSError as fault:
        raise Rejected(f"file: {path} cannot be written: {fault.strerror}") from fault
    return len(_ROWS)
