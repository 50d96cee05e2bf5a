"""A reader learns from a module's first lines what it is for; ruff asks that they are there."""

import ast
import re
from collections.abc import Iterator

from source_tree import Module, modules

_SENTENCE_INSIDE = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?]\s+[A-Z`]")


def faults(module: Module) -> Iterator[str]:
    """Yield what is wrong with the module's opening."""
    docstring = ast.get_docstring(module.tree)
    if docstring is None and module.is_package:
        return
    opening = (docstring or "").split("\n\n")[0].replace("\n", " ")
    if not opening.endswith("."):
        yield f"{module.path}: open it with a sentence: what it does, a full stop"
    if _SENTENCE_INSIDE.search(opening):
        yield f"{module.path}: leave one sentence, a blank line, then the others"


def test_a_module_opens_with_one_sentence() -> None:
    assert [fault for module in modules() for fault in faults(module)] == []


def test_an_opening_that_runs_on_would_be_seen() -> None:
    assert len(list(faults(Module("thor/x.py", '"""Do it. And more."""\n')))) == 1
    assert len(list(faults(Module("thor/x.py", '"""Do it"""\n')))) == 1
    assert list(faults(Module("thor/x.py", '"""Do it.\n\nAnd more. And more."""\n'))) == []
