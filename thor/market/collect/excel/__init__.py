"""Collect quotes from thinkorswim's RTD in an Excel workbook.

Stage 20, collect. A block of cells → `Tick`s and the day's marks. The block comes from
the open workbook (`live.py`) or from a saved one (`saved.py`); everything after that,
`sheet.py` to `collector.py`, is the same for both.
"""
