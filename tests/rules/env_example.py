"""Write `.env.example` from the settings: python tests/rules/env_example.py > .env.example."""

import re
import textwrap
from collections.abc import Iterator

from pydantic_core import PydanticUndefined

from thor.config import Settings, own_name

OPENING = (
    "# Thor's settings. Copy this file to .env and change what you need; the environment\n"
    "# takes precedence over the file. Settings that are commented out have no value.\n"
)


def rendered() -> str:
    """Return the file as it has to be."""
    return OPENING + "".join(f"\n{entry}\n" for entry in _entries())


def _entries() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        comment = textwrap.fill(
            field.description or "", 90, initial_indent="# ", subsequent_indent="# "
        )
        variable = own_name(name)
        has_default = field.default is not None and field.default is not PydanticUndefined
        value = f"{variable}={_written(field.default)}" if has_default else f"# {variable}="
        yield f"{comment}\n{value}"


def _written(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text}"' if re.search(r"[\s#'\"]", text) else text


if __name__ == "__main__":
    print(rendered(), end="")
