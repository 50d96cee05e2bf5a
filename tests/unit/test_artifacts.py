"""A model's file is what the database knows of it, or it is refused by name before it is loaded."""

import hashlib
import io
import json
import zipfile
from typing import Any

import pytest

from thor.errors import Refused
from thor.learning import artifacts

FACTS = {"target": "direction", "seed": 7, "libraries": artifacts.libraries()}


def file_of(types: tuple[str, ...] = ("Ridge",), **changed: Any) -> tuple[bytes, str]:
    """Return a file with objects of these classes, as skops names them, and its SHA-256."""
    parts = [
        {"__module__": "sklearn.linear_model._ridge", "__class__": name, "content": []}
        for name in types
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("schema.json", json.dumps({"content": parts}))
        packed.writestr("facts.json", json.dumps(FACTS | changed))
    return content.getvalue(), hashlib.sha256(content.getvalue()).hexdigest()


def test_a_file_that_is_as_it_was_written_gives_its_facts() -> None:
    assert artifacts.check(*file_of(), {"target": "direction", "seed": 7}) == FACTS


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seed": 8}, "seed is 8 in its file and 7 in the database"),
        ({"libraries": {"scikit-learn": "99.1.0"}}, "scikit-learn 99.1.0 wrote it, newer than"),
        ({"libraries": {"onnx": "1.0"}}, "onnx 1.0 wrote it, newer than the installed none"),
        ({"types": ("Ridge", "System")}, "holds sklearn.linear_model._ridge.System, which no"),
    ],
)
def test_another_fact_a_newer_library_or_a_foreign_type_is_refused(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        artifacts.check(*file_of(**changed), {"target": "direction", "seed": 7})


def test_an_older_library_or_another_python_is_no_reason() -> None:
    older = {"python": "99.0", "scikit-learn": "0.1", "numpy": FACTS["libraries"]["numpy"]}
    assert artifacts.check(*file_of(libraries=older), {})["libraries"] == older


def test_a_byte_that_changed_is_found_before_the_file_is_opened() -> None:
    content, sha256 = file_of()
    for at in range(0, len(content), 97):
        changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        with pytest.raises(Refused, match="it was changed after training"):
            artifacts.check(changed, sha256, {})


def test_what_is_no_file_of_thor_s_is_refused() -> None:
    for content in (b"", b"\x80\x04N.", b"PK\x05\x06" + bytes(18)):
        with pytest.raises(Refused, match="no model's file of Thor"):
            artifacts.check(content, hashlib.sha256(content).hexdigest(), {})
