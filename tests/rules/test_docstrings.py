"""A reader learns from a module's first lines what it is for."""

import ast
import re
from collections.abc import Iterator

import pytest
from source_tree import Function, Module, modules

BROAD_EXCEPT = "jobs/run.py"
PRINTS = "thor/cli/"

_SENTENCE_INSIDE = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?]\s+[A-Z`]")
_BROAD = {"Exception", "BaseException"}


def undocumented(module: Module) -> Iterator[str]:
    """Yield the public functions and classes that have no docstring."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if _is_public(module, node) and not ast.get_docstring(node):
            yield f"{module.path}:{node.lineno} {node.name}"


def _is_public(module: Module, node: ast.AST) -> bool:
    parent = module.parents[node]
    if isinstance(parent, ast.ClassDef):
        return not parent.name.startswith("_") and _is_public(module, parent)
    return isinstance(parent, ast.Module)


def broad_excepts(module: Module) -> Iterator[str]:
    """Yield each place that catches whatever comes."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = _names(node.type) if node.type else _BROAD
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = {name for argument in node.args for name in _names(argument)}
        else:
            continue
        if caught & _BROAD:
            yield f"{module.path}:{node.lineno}"


def _names(node: ast.expr) -> set[str]:
    return {ast.unparse(part) for part in (node.elts if isinstance(node, ast.Tuple) else [node])}


def prints(module: Module) -> Iterator[str]:
    """Yield each call of `print`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield f"{module.path}:{node.lineno}"


@pytest.mark.parametrize("module", modules(), ids=str)
def test_a_module_opens_with_one_sentence(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    if docstring is None and module.is_package:
        return
    docstring = docstring or ""
    opening = docstring.split("\n\n")[0].replace("\n", " ")
    assert opening.endswith("."), f"open {module.path} with a sentence: what it does, a full stop"
    assert not _SENTENCE_INSIDE.search(opening), (
        f"{module.path} opens with several sentences: leave one, a blank line, then the others"
    )


@pytest.mark.parametrize("module", modules(), ids=str)
def test_every_public_function_and_class_says_what_it_does(module: Module) -> None:
    assert list(undocumented(module)) == []


@pytest.mark.parametrize("module", modules(), ids=str)
def test_only_the_job_runner_catches_whatever_comes(module: Module) -> None:
    found = [] if module.path == BROAD_EXCEPT else list(broad_excepts(module))
    assert found == [], "name the errors that are meant; whatever comes is caught in jobs/run.py"


def test_the_job_runner_catches_whatever_comes_once() -> None:
    assert len(list(broad_excepts(Module(BROAD_EXCEPT)))) == 1


@pytest.mark.parametrize("module", modules(), ids=str)
def test_only_the_command_line_prints(module: Module) -> None:
    found = [] if module.path.startswith(PRINTS) else list(prints(module))
    assert found == [], "log with thor.observe.logger, or return the text to the command line"


@pytest.mark.parametrize(
    "text",
    [
        "try: pass\nexcept Exception: pass",
        "try: pass\nexcept (ValueError, BaseException): pass",
        "try: pass\nexcept: pass",
        "with contextlib.suppress(Exception): pass",
    ],
)
def test_a_broad_except_would_be_seen(text: str) -> None:
    assert len(list(broad_excepts(Module("thor/x.py", text)))) == 1


def test_a_public_method_of_a_private_class_needs_no_docstring() -> None:
    text = "class _A:\n    def f(self): ...\nclass B:\n    '''B.'''\n    def f(self): ...\n"
    assert list(undocumented(Module("thor/x.py", text))) == ["thor/x.py:5 f"]
