"""A reader learns from a module's first lines where it stands and what it is for."""

import ast
import re
from collections.abc import Iterator

import pytest
from house_tree import Function, Module, modules
from test_imports import ROOMS

BROAD_EXCEPT = "jobs/run.py"
PRINTS = "thor/cli/"

_SENTENCE_INSIDE = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?]\s+[A-Z`]")
_PLACE = re.compile(r"^(Room \d\d, [a-z]+\.|Cellar\.|Hallway[.:]|Door\.)", re.MULTILINE)
_BROAD = {"Exception", "BaseException"}


def place_of(path: str) -> str:
    """Return how the line that says where a module stands has to begin."""
    dotted = path.removesuffix(".py").replace("/", ".")
    for room, names in ROOMS.items():
        if any(dotted == name or dotted.startswith(f"{name}.") for name in names):
            _, number, title = room.split("-")
            return f"Room {number}, {title}."
    if path.startswith(("api/", "jobs/", "thor/cli/")) or path == "thor/__main__.py":
        return "Door."
    if path.startswith("thor/domain/"):
        return "Room 10, reference."
    if path == "thor/observe.py":
        return "Room 95, ops."
    return "Hallway" if path.startswith("thor/flow/") else "Cellar."


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
    docstring = ast.get_docstring(module.tree) or ""
    opening = docstring.split("\n\n")[0].replace("\n", " ")
    assert opening.endswith("."), f"open {module.path} with a sentence: what it does, a full stop"
    assert not _SENTENCE_INSIDE.search(opening), (
        f"{module.path} opens with several sentences: leave one, a blank line, then the others"
    )


@pytest.mark.parametrize(
    "module", [module for module in modules() if not module.is_package], ids=str
)
def test_a_module_says_where_in_the_house_it_stands(module: Module) -> None:
    docstring = ast.get_docstring(module.tree) or ""
    place = place_of(module.path)
    lines = [line for line in docstring.splitlines()[1:] if _PLACE.match(line)] or [""]
    assert lines[0].startswith(place), (
        f"after its first sentence {module.path} needs a line that begins with {place!r} "
        "and says what it takes and gives"
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
