"""Rows as JSON, or as CSV for who asks for it with `Accept: text/csv`.

The database writes a page as JSON; a spreadsheet and pandas read the same rows as CSV.
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response

CSV = "text/csv"
_JSON = "application/json"
_ROWS = msgspec.json.Decoder(list[dict[str, Any]])


def answer(
    request: Request[Any, Any, Any],
    page: bytes,
    row: type[msgspec.Struct],
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Return a page of rows in the form that the request prefers; JSON where it does not say.

    `row` is the form of a row; its fields are the columns of the CSV, features by their names.
    Null is an empty field, and a truth is `true` or `false`, as in JSON.
    """
    form = request.accept.best_match([_JSON, CSV], _JSON)
    headers = {**(headers or {}), "Vary": "Accept"}
    if form != CSV:
        return Response(page, headers=headers)
    text = as_csv(_ROWS.decode(page), [field.name for field in msgspec.structs.fields(row)])
    return Response(text, media_type=f"{CSV}; charset=utf-8; header=present", headers=headers)


def as_csv(rows: list[dict[str, Any]], columns: list[str]) -> str:
    """Return rows as RFC 4180 has them, with a line of names; an object's fields follow the rest.

    A name of an object's field is a column by itself, in the order of the first row.
    """
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat[:1] for name in row)) or columns
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\r\n", extrasaction="ignore")
    writer.writeheader()
    for row in flat:
        writer.writerow({name: _text(row.get(name)) for name in names})
    return out.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found.update(value)
        else:
            found[name] = value
    return found


def _text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
