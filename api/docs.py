"""The API's page: every route, its parameters and answers, as plain HTML.

Needs no script and no other site, so it is there offline.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin:2.5rem 0 .3rem;font-size:1.1rem}code,h2{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #8886;padding:.25rem .5rem;text-align:left;vertical-align:top}
p{margin:.3rem 0;white-space:pre-line}:root{color-scheme:light dark}
"""


class Page(OpenAPIRenderPlugin):
    """Render the OpenAPI document as one page without scripts."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        info, paths = openapi_schema["info"], openapi_schema["paths"]
        schemas = openapi_schema.get("components", {}).get("schemas", {})
        title = f"{info['title']} {info['version']}"
        parts = [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>",
            f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
            f"<p>{escape(info.get('description') or '')}</p>",
            f'<p><a href="{self.get_openapi_json_route(request)}">The OpenAPI document</a></p>',
        ]
        for path, item in sorted(paths.items()):
            for method, operation in item.items():
                if isinstance(operation, dict):
                    parts.append(_operation(path, method, operation))
        parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
        return "".join(parts).encode()


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    head = f"<h2>{escape(method.upper())} {escape(path)}</h2>"
    text = f"<p>{escape(operation.get('description') or operation.get('summary') or '')}</p>"
    rows = [
        (p["name"], p["in"], _type(p.get("schema", {})), p.get("description") or "")
        for p in operation.get("parameters") or []
    ]
    parameters = _table(("parameter", "in", "type", ""), rows) if rows else ""
    answers = [
        (status, ", ".join(answer.get("content") or {}), _content(answer), answer["description"])
        for status, answer in sorted((operation.get("responses") or {}).items())
    ]
    return head + text + parameters + _table(("answer", "as", "form", ""), answers)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required") or [])
    rows = [
        (field, _type(form), "" if field in required else "may be left out", _says(form))
        for field, form in (schema.get("properties") or {}).items()
    ]
    text = f"<p>{escape(schema.get('description') or '')}</p>"
    table = _table(("field", "type", "", ""), rows) if rows else ""
    return f'<h2 id="{escape(name)}">{escape(name)}</h2>{text}{table}'


def _content(answer: dict[str, Any]) -> str:
    return ", ".join(
        _type(form.get("schema", {})) for form in (answer.get("content") or {}).values()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "oneOf" in schema:
        return " or ".join(_type(form) for form in schema["oneOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items') or {})}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _says(schema: dict[str, Any]) -> str:
    forms = [schema, *schema.get("oneOf", [])]
    return next((str(form["description"]) for form in forms if form.get("description")), "")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{titles}</tr>{lines}</table>"
