"""Print the OpenAPI document without a server: `python -m api.openapi_document FILE`.

The UI's types are generated from the file.
"""

import json
import sys
from pathlib import Path

from api.app import create_app
from thor.config import Settings

_NOWHERE = "postgresql://127.0.0.1:1/thor"
_NO_BUS = "redis://127.0.0.1:1/0"


def document() -> str:
    """Return the document as JSON text, its keys in order, so that a change is a short diff."""
    app = create_app(Settings(), _NOWHERE, _NO_BUS)
    schema = app.openapi_schema.to_schema()
    # The version changes with every release, the types do not.
    schema["info"]["version"] = "0"
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())
