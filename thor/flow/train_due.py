"""Propose trainings of what decayed, and run those that are due.

Flow: 90 feedback → 70 models. A demotion after which nothing was trained makes its question due; a
proposal is a row until a training answers it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import NotFound, Rejected
from thor.flow.train import Ask, Progress, Trained, train


def propose(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Propose what is due and return all proposals that no training has answered."""
    database.rows(connection, "propose_trainings")
    return database.rows(connection, "due_trainings")


def train_due(
    url: str,
    progress: Progress = lambda *_: None,
    on_failed: Callable[[dict[str, Any], str], None] = lambda *_: None,
    **given: Any,
) -> Iterator[tuple[dict[str, Any], Trained]]:
    """Train what is due, one after the other; yields each proposal and what was found.

    `given` are further fields of `thor.flow.train.Ask`. A question without data is reported and
    stays due. What is found is served once it is promoted.
    """
    with database.connect(url, "train") as connection:
        for row in propose(connection):
            ask = Ask(
                target=row["target"],
                horizon=row["horizon"],
                symbols=tuple(row["symbols"]),
                set_name=row["set_name"],
                **given,
            )
            try:
                found = train(url, ask, progress)
            except (NotFound, Rejected) as error:
                on_failed(row, str(error))
                continue
            closed = {"proposal_id": row["proposal_id"], "run_id": found.run_id}
            database.rows(connection, "close_proposal", closed)
            yield row, found
