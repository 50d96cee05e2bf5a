"""List, compare, promote and roll back fitted models; load one that may be served.

Stage 70, models. Reads and writes model.*. Only `load` imports a library that fits, so that
`thor models` answers at once. A promotion says why, and is refused by name where a model has not
shown its skill.
"""

from datetime import UTC
from typing import Any, Literal

import msgspec

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Refused, Rejected
from thor.learning import artifacts

Alias = Literal["champion", "challenger"]
ALIASES = ("champion", "challenger")
_LIMIT = 200
# What a version has to have, beside its skill, to be served.
_NEEDED = ("set_hash", "span_from", "span_to", "data_checksum", "seed", "code_version")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an alias of a question is from now on, and was before."""

    alias: str
    target: str
    horizon: str
    symbols: list[str]
    version_id: int | None
    was: int | None


def versions(connection: Connection[Any], limit: int = _LIMIT) -> list[dict[str, Any]]:
    """Return the fitted models, the newest first."""
    return database.rows(connection, "model_versions", {"limit": limit})


def runs(connection: Connection[Any], limit: int = _LIMIT) -> list[dict[str, Any]]:
    """Return the trainings, the newest first."""
    return database.rows(connection, "model_runs", {"limit": limit})


def version(connection: Connection[Any], version_id: int) -> dict[str, Any]:
    """Return a fitted model. Raises `NotFound`."""
    row = database.row(connection, "model_version", {"id": version_id})
    if row is None:
        raise NotFound(f"id: there is no model {version_id}; `thor models list` shows them")
    return row


def run(connection: Connection[Any], run_id: int) -> dict[str, Any]:
    """Return a training. Raises `NotFound`."""
    row = database.row(connection, "model_run", {"run_id": run_id})
    if row is None:
        raise NotFound(f"run_id: there is no training {run_id}; `thor models runs` shows them")
    return row


def folds(connection: Connection[Any], run_id: int) -> list[dict[str, Any]]:
    """Return the folds of a training, by number, baselines first."""
    return database.rows(connection, "model_folds", {"run_id": run_id})


def report(connection: Connection[Any], run_id: int) -> str:
    """Return the report of a training, an HTML page. Raises `NotFound`."""
    row = database.row(connection, "model_report", {"run_id": run_id})
    if row is None:
        raise NotFound(f"run_id: training {run_id} has no report: it is not done")
    html: str = row["html"]
    return html


def aliases(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Return the champions and challengers."""
    return database.rows(connection, "model_aliases")


def promote(
    connection: Connection[Any], version_id: int, alias: str, by: str, reason: str | None = None
) -> Change:
    """Give a fitted model an alias of its target, horizon and symbols.

    Raises `Refused`, naming what is missing, where its skill out of sample is not above 0 with the
    whole of its interval, or where its file, set, span, checksum, seed or code version is not the
    training's.
    """
    if alias not in ALIASES:
        raise Rejected(f"alias: {alias!r} is none of {', '.join(ALIASES)}")
    with database.transaction(connection):
        database.rows(connection, "lock_aliases")
        row = version(connection, version_id)
        check(row)
        _check_file(connection, row)
        why = reason or (
            f"skill {row['skill']:.4f}, 95% from {row['skill_low']:.4f} to {row['skill_high']:.4f}"
        )
        return _set(connection, row, alias, version_id, by, why)


def rollback(
    connection: Connection[Any], target: str, horizon: str, symbols: list[str], alias: str, by: str
) -> Change:
    """Give an alias back to the model that had it before; to none where it was the first.

    Raises `NotFound` where the alias was never given.
    """
    if alias not in ALIASES:
        raise Rejected(f"alias: {alias!r} is none of {', '.join(ALIASES)}")
    question: dict[str, Any] = {
        "target": target,
        "horizon": horizon,
        "symbols": sorted(symbols),
        "alias": alias,
    }
    with database.transaction(connection):
        database.rows(connection, "lock_aliases")
        history = database.rows(connection, "alias_history", question)
        if not history or history[0]["version_id"] is None:
            raise NotFound(
                f"alias: {target} of {', '.join(sorted(symbols))} at {horizon} has no {alias}"
            )
        before = _before([row["version_id"] for row in reversed(history)])
        why = "rolled back" if before is not None else "rolled back: there was none before"
        if before is None:
            was = history[0]["version_id"]
            database.rows(connection, "drop_alias", question)
            noted = {**question, "version_id": None, "by": by, "reason": why}
            database.rows(connection, "note_alias", noted)
            return Change(
                alias=alias,
                target=target,
                horizon=horizon,
                symbols=sorted(symbols),
                version_id=None,
                was=was,
            )
        row = version(connection, before)
        _check_file(connection, row)
        return _set(connection, row, alias, before, by, why)


def _before(history: list[int | None]) -> int | None:
    """Return the version under the newest: a roll back takes one off, a promotion puts one on."""
    stack: list[int] = []
    for one in history:
        if one is None:
            stack.clear()
        elif len(stack) > 1 and stack[-2] == one:
            stack.pop()
        elif not stack or stack[-1] != one:
            stack.append(one)
    return stack[-2] if len(stack) > 1 else None


def demote(connection: Connection[Any], found: dict[str, Any]) -> int | None:
    """Take a champion that decayed out of service; returns its successor, None where none is left.

    `found` is a row of the statement `decayed_models`. The challenger takes over where it may be
    served and has not decayed itself; else nothing is predicted, and a row says why.
    """
    question = {name: found[name] for name in ("target", "horizon", "symbols")}
    what = f"drift of {found['feature']}" if found["cause"] == "drift" else "calibration"
    measure = "PSI" if found["cause"] == "drift" else "a gap of"
    why = f"{what}: {measure} {found['measured']:.3f}, from {found['threshold']:.3f} on it demotes"
    champion = {**question, "alias": "champion"}
    with database.transaction(connection):
        database.rows(connection, "lock_aliases")
        history = database.rows(connection, "alias_history", champion)
        if not history or history[0]["version_id"] != found["model_id"]:
            # Another model was promoted meanwhile.
            return None
        successor = None if found["is_challenger_decayed"] else found["challenger_id"]
        if successor is not None:
            row = version(connection, successor)
            try:
                check(row)
                _check_file(connection, row)
            except Refused:
                successor = None
        values = {**champion, "version_id": successor, "by": "thor", "reason": why}
        if successor is None:
            database.rows(connection, "drop_alias", champion)
        else:
            database.rows(connection, "set_alias", values)
        database.rows(connection, "note_alias", values)
        kept = {
            name: found[name] for name in ("model_id", "cause", "feature", "measured", "threshold")
        }
        noted = {**question, **kept, "successor_id": successor, "reason": why}
        database.rows(connection, "add_demotion", noted)
    return successor


def check(row: dict[str, Any]) -> None:
    """Raise `Refused` where a fitted model may not be served."""
    name = f"model {row['id']}"
    if missing := [one for one in _NEEDED if row[one] is None]:
        raise Refused(f"{name}: it has no {', '.join(missing)}")
    if row["set_name"] is None:
        raise Refused(f"{name}: set_hash {row['set_hash'][:12]} is no feature set of this database")
    if (row["span_from"], row["span_to"]) != (row["run_span_from"], row["run_span_to"]):
        raise Refused(
            f"{name}: its span from {row['span_from']} to {row['span_to']} is not that of its "
            f"training, from {row['run_span_from']} to {row['run_span_to']}"
        )
    if row["skill"] is None or row["skill_low"] is None:
        raise Refused(f"{name}: its skill was not measured")
    if not row["skill"] > 0 or not row["skill_low"] > 0:
        raise Refused(
            f"{name}: skill {row['skill']:.4f} over its baseline, 95% from {row['skill_low']:.4f} "
            f"to {row['skill_high']:.4f}: the whole interval has to be above 0"
        )


def load(connection: Connection[Any], version_id: int) -> tuple[Any, dict[str, Any]]:
    """Return a fitted model (`fit.Fitted`) and its row, once its file was checked.

    Raises `Refused` by name where its bytes, set, span or libraries are others.
    """
    from thor.learning import fit

    row = version(connection, version_id)
    model, facts = artifacts.read(_content(connection, row), row["artifact_sha256"], facts_of(row))
    return fit.Fitted(model, tuple(facts["columns"])), row


def _check_file(connection: Connection[Any], row: dict[str, Any]) -> None:
    artifacts.check(_content(connection, row), row["artifact_sha256"], facts_of(row))


def _content(connection: Connection[Any], row: dict[str, Any]) -> bytes:
    found = database.row(connection, "model_artifact", {"sha256": row["artifact_sha256"]})
    if found is None:
        raise Refused(f"model {row['id']}: its artifact {row['artifact_sha256'][:12]} is missing")
    return bytes(found["content"])


def facts_of(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a model's file has to say of itself."""
    return {
        "target": row["target"],
        "horizon": row["horizon"],
        "symbols": list(row["symbols"]),
        "set_hash": row["set_hash"],
        "span_from": row["span_from"].astimezone(UTC).isoformat(),
        "span_to": row["span_to"].astimezone(UTC).isoformat(),
        "seed": row["seed"],
        "data_checksum": row["data_checksum"],
    }


def _set(
    connection: Connection[Any],
    row: dict[str, Any],
    alias: str,
    version_id: int,
    by: str,
    reason: str,
) -> Change:
    question = {
        "target": row["target"],
        "horizon": row["horizon"],
        "symbols": list(row["symbols"]),
        "alias": alias,
    }
    history = database.rows(connection, "alias_history", question)
    was = history[0]["version_id"] if history else None
    if was != version_id:
        values = {**question, "version_id": version_id, "by": by, "reason": reason}
        database.rows(connection, "set_alias", values)
        database.rows(connection, "note_alias", values)
    return Change(**question, version_id=version_id, was=was)
