"""Every statement that Python runs is a named one, is used, and fits the schema."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from source_tree import ROOT, Module, modules, without_sql_prose

from thor import database
from thor.database.edition import Edition

pytestmark = pytest.mark.editions("plain", "timescale")

FOLDER = ROOT / "db" / "sql" / "99_queries"
# An empty table in COPY BINARY: signature, flags, no header extension, end.
EMPTY_COPY = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"

_NAME = re.compile(r"^-- name: *(\S*) *$", re.MULTILINE)
_EXCLUSIVE = re.compile(r"\bpg_(?:try_)?advisory_(?:xact_)?lock\(\s*(\d+)")
_PARAMETER = re.compile(r"%\((\w+)\)s")


class Statement(NamedTuple):
    """A named statement and its file."""

    name: str
    text: str
    file: str

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters, in the order of first use."""
        return list(dict.fromkeys(_PARAMETER.findall(self.text)))

    @property
    def is_run(self) -> bool:
        """Whether PostgreSQL cannot PREPARE it, so that it has to be run."""
        return not self.is_call and (
            re.match(r"(with|select|insert|update|delete|merge|values)\b", _bare(self.text)) is None
        )

    @property
    def is_call(self) -> bool:
        """Whether it calls a procedure, which is neither prepared nor run in a transaction."""
        return re.match(r"call\b", _bare(self.text)) is not None

    def is_of(self, edition: str) -> bool:
        """Return whether its file is for every edition or for this one: `x.timescale.sql`."""
        return Path(self.file).suffixes[0] in (".sql", f".{edition}")


class Use(NamedTuple):
    """A call of thor.database that names a statement."""

    place: str
    names: frozenset[str]
    values: frozenset[str] | None


def _bare(text: str) -> str:
    """The text without its comments, of which the last may belong to the next statement."""
    return without_sql_prose(text).strip().rstrip(";").strip()


def statements() -> list[Statement]:
    """Read every named statement, in the order of files."""
    found = []
    for file in sorted(FOLDER.glob("*.sql")):
        parts = _NAME.split(file.read_text())[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found.append(Statement(name, text.strip().rstrip(";"), file.name))
    return found


def positions() -> dict[str, int]:
    """Return where each function of thor.database takes a statement's name."""
    return {
        name: index
        for name, function in inspect.getmembers(database, inspect.isfunction)
        if function.__module__ == "thor.database.connection"
        for index, parameter in enumerate(inspect.signature(function).parameters)
        if parameter == "name" or (name, parameter) == ("together", "names")
    }


def uses(module: Module) -> Iterator[Use]:
    """Yield the calls of thor.database that name a statement."""
    takes = positions()
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        receiver, _, name = ast.unparse(node.func).rpartition(".")
        is_database = receiver == "database" or module.path == "thor/database/connection.py"
        if name not in takes or not is_database or len(node.args) <= takes[name]:
            continue
        texts = ast.walk(node.args[takes[name]])
        names = {t.value for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str)}
        yield Use(f"{module.path}:{node.lineno}", frozenset(names), _values(node, takes[name] + 1))


def _values(call: ast.Call, position: int) -> frozenset[str] | None:
    if len(call.args) <= position or not isinstance(call.args[position], ast.Dict):
        return None
    given = call.args[position]
    assert isinstance(given, ast.Dict)
    if not all(isinstance(key, ast.Constant) for key in given.keys):
        return None
    return frozenset(str(key.value) for key in given.keys if isinstance(key, ast.Constant))


STATEMENTS = statements()
USES = [use for module in modules() for use in uses(module)]
BY_NAME = {statement.name: statement for statement in STATEMENTS}


def test_no_two_statements_have_one_name() -> None:
    names = [statement.name for statement in STATEMENTS]
    twice = {name for name in names if names.count(name) > 1}
    assert twice == set(), "the second hides the first: rename one of them"


def test_a_statement_is_named_in_snake_case() -> None:
    wrong = [s for s in STATEMENTS if not re.fullmatch(r"[a-z][a-z0-9_]*", s.name)]
    assert wrong == [], "thor.database reads `-- name: lower_case` only"


def test_thor_reads_every_named_statement() -> None:
    assert set(database.statements()) == set(BY_NAME)


def test_a_statement_is_one_statement() -> None:
    wrong = [f"{s.file}: {s.name}" for s in STATEMENTS if ";" in _bare(s.text)]
    assert wrong == [], "give what follows `;` a name of its own"


def test_a_percent_sign_is_doubled_even_in_a_comment() -> None:
    wrong = [
        f"{s.file}: {s.name}, or the comment after it"
        for s in STATEMENTS
        if re.search(r"%(?!\(\w+\)s)", s.text.replace("%%", ""))
    ]
    assert wrong == [], "write %% for a percent sign, the driver reads one as a parameter"


def _prepare(connection: psycopg.Connection[Any], statement: Statement) -> None:
    text = statement.text
    for place, name in enumerate(statement.parameters, 1):
        text = text.replace(f"%({name})s", f"${place}")
    connection.execute(f"prepare {statement.name} as {text.replace('%%', '%')}".encode())


def _check_call(connection: psycopg.Connection[Any], statement: Statement) -> None:
    """Find the procedure, as PostgreSQL does when it reads the body of one of one's own."""
    text = statement.text
    for place, name in enumerate(statement.parameters, 1):
        text = text.replace(f"%({name})s", f"${place}")
    takes = ", ".join("text" for _ in statement.parameters)
    connection.execute(
        f"create procedure pg_temp.{statement.name}({takes}) language sql "
        f"as $call$ {text.replace('%%', '%')} $call$".encode()
    )


def _run(connection: psycopg.Connection[Any], statement: Statement) -> None:
    if not _bare(statement.text).startswith("copy"):
        connection.execute(statement.text.encode())
        return
    with connection.cursor() as cursor, cursor.copy(statement.text.encode()) as copy:
        copy.write(EMPTY_COPY)


def _check(connection: psycopg.Connection[Any], statement: Statement) -> None:
    if statement.is_call:
        _check_call(connection, statement)
    elif statement.is_run:
        _run(connection, statement)
    else:
        _prepare(connection, statement)


def test_every_statement_fits_the_schema(database_url: str, edition: Edition) -> None:
    wrong = []
    statements = [statement for statement in STATEMENTS if statement.is_of(edition)]
    with (
        psycopg.connect(database_url) as connection,
        connection.transaction(force_rollback=True),
    ):
        # Tables of the moment first: other statements read them.
        for statement in sorted(statements, key=lambda s: not _bare(s.text).startswith("create")):
            try:
                with connection.transaction():
                    _check(connection, statement)
            except psycopg.Error as error:
                wrong.append(f"{statement.file}, {statement.name}: {error.diag.message_primary}")
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("call market.gone(%(at)s::date)", "procedure market.gone(date) does not exist"),
        ("call public.run_job(%(job)s::date)", "procedure public.run_job(date) does not exist"),
        ("call public.run_job(%(job)s::integer)", None),
    ],
)
@pytest.mark.editions("timescale")
def test_a_call_of_a_procedure_that_is_not_there_would_be_seen(
    connection: psycopg.Connection[Any], text: str, wrong: str | None
) -> None:
    statement = Statement("called", text, "x.timescale.sql")
    if wrong is None:
        _check(connection, statement)
        return
    with pytest.raises(psycopg.errors.UndefinedFunction, match=re.escape(wrong)):
        _check(connection, statement)


def test_every_statement_is_used() -> None:
    used = frozenset().union(*(use.names for use in USES))
    unused = [f"{s.file}: {s.name}" for s in STATEMENTS if s.name not in used]
    assert unused == [], "take it out, or name it in a call of thor.database"


def test_a_call_names_statements_that_exist() -> None:
    wrong = [
        f"{use.place} names {sorted(use.names - set(BY_NAME)) or 'none'}"
        for use in USES
        if not use.place.startswith("thor/database/connection.py")
        and (not use.names or use.names - set(BY_NAME))
    ]
    assert wrong == [], "name the statement in the call; write it in db/sql/99_queries"


def test_a_call_gives_the_values_that_its_statement_takes() -> None:
    wrong = [
        f"{use.place}, {name}: gives {sorted(use.values)}, takes {BY_NAME[name].parameters}"
        for use in USES
        for name in use.names & set(BY_NAME)
        if use.values is not None and use.values != frozenset(BY_NAME[name].parameters)
    ]
    assert wrong == []


def test_no_two_things_are_kept_apart_by_one_lock() -> None:
    """Two that share a number wait for one another: MLflow waited for the job that predicts."""
    taken: dict[str, list[str]] = {}
    for file in sorted((ROOT / "db" / "sql").rglob("*.sql")):
        for number in _EXCLUSIVE.findall(without_sql_prose(file.read_text())):
            taken.setdefault(number, []).append(file.name)
    assert len(taken) > 10
    assert {number: files for number, files in taken.items() if len(set(files)) > 1} == {}


def test_a_statement_is_for_every_edition_or_for_one() -> None:
    common, plain = Statement("a", "", "1_x.sql"), Statement("a", "", "1_x.plain.sql")
    assert [common.is_of("plain"), common.is_of("timescale")] == [True, True]
    assert [plain.is_of("plain"), plain.is_of("timescale")] == [True, False]
    suffixes = {s for file in FOLDER.glob("*.sql") for s in file.suffixes}
    assert suffixes <= {".sql", ".plain", ".timescale"}


def test_a_use_is_seen_with_its_values() -> None:
    text = 'database.rows(c, "a" if x else "b", {"n": 1})\nrows(c, "d")\n'
    assert list(uses(Module("thor/x.py", text))) == [
        Use("thor/x.py:1", frozenset({"a", "b"}), frozenset({"n"}))
    ]
