"""Run the notebooks of docs/ as a reader does, in a kernel of their own."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "docs" / "notebooks"


def shown(path: Path, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run a notebook on a lake from top to bottom; return what its cells show."""
    for name in ("IPYTHONDIR", "MPLCONFIGDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    monkeypatch.setenv("THOR_LAKE_URL", url)
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    done = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    done.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def tables(outputs: list[Any]) -> list[str]:
    """Return the tables among them, as text."""
    return [one.data["text/plain"] for one in outputs if "text/html" in one.get("data", {})]
