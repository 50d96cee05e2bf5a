"""The UI's types are made of the document that the API serves."""

from pathlib import Path

from api.openapi_document import document

KEPT = Path(__file__).parents[2] / "ui/openapi.json"


def test_the_kept_document_is_the_api_s_own() -> None:
    assert KEPT.read_text(encoding="utf-8") == document(), (
        "the API changed: run `python -m api.openapi_document ui/openapi.json`, "
        "and `npm run types` in ui/ where Node is at hand"
    )
