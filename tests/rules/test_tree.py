"""The rules look at what they think they look at."""

import pytest
from source_tree import PACKAGES, Module, modules, sql_files, without_sql_prose


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rules_see_the_modules_of_each_package(package: str) -> None:
    assert f"{package}/__init__.py" in {module.path for module in modules(package)}


def test_the_rules_see_files_of_every_depth() -> None:
    seen = {module.path for module in modules()}
    assert {
        "thor/clock.py",
        "thor/market/bus/client.py",
        "thor/market/collect/files/tape.py",
    } <= seen
    assert "db/sql/00_foundation/001_schemas.sql" in sql_files()
    assert any(path.startswith("db/sql/99_queries/") for path in sql_files())


def test_an_import_inside_a_function_is_seen() -> None:
    module = Module("x.py", "def f():\n    from redis import asyncio\n")
    assert list(module.imports()) == [(2, "redis.asyncio")]


def test_prose_is_docstrings_and_comments_and_not_other_texts() -> None:
    module = Module("x.py", '"""One."""\n\nx = "two"  # three\n')
    assert [text for _, text in module.prose()] == ["One.", "three"]


def test_sql_without_prose_keeps_its_lines_and_loses_texts_and_comments() -> None:
    text = "select 'it''s\nTODO' -- a row's\nfrom t /* it's\n */ where 'x'"
    assert without_sql_prose(text) == "select ''\n \nfrom t \n where ''"
