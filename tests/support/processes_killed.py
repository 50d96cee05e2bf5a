"""Processes of Thor that tests end with kill -9: the job `trade` and the API.

They are forked from a server that has imported everything, so that a start takes no second.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any
from unittest.mock import patch

from ticks_made import settings

from api.serve import bound
from api.serve import server as api_server
from thor.flow.trade import Trader
from thor.market.bus.client import Bus
from thor.runtime import Stop
from thor.trading.brokers.paper import PaperRules


@cache
def _forks() -> ForkServerContext:
    """Start the server that forks; what it cannot import, each process would."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([__name__, "pytest"])
    with patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(sys.path)}):
        forkserver.ensure_running()
    return forks


def trade(database_url: str, redis_url: str) -> None:
    """Trade until killed."""
    Trader(settings(), Bus(redis_url), database_url, PaperRules(jitter_ms=0)).run(Stop())


def serve(database_url: str, redis_url: str, ports: Any) -> None:
    """Serve the API on a free port until killed, and send the port first."""
    asked = settings(api_port=0)
    with bound(asked) as listener:
        ports.send(listener.getsockname()[1])
        api_server(asked, database_url, redis_url).run(sockets=[listener])


class Killable:
    """A process that runs a function of this module, and is ended by kill -9 alone."""

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        """Start it."""
        self._process = _forks().Process(target=target, args=args, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """Kill it; fails where it has ended by itself."""
        assert self._process.exitcode is None, f"it ended with {self._process.exitcode}"
        self._process.kill()
        self._process.join()

    def __enter__(self) -> "Killable":
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it where it still runs."""
        self._process.kill()
        self._process.join()


def api(database_url: str, redis_url: str) -> tuple[Killable, str]:
    """Start the API; returns it with its URL, where it answers soon."""
    receive, send = _forks().Pipe(duplex=False)
    process = Killable(serve, database_url, redis_url, send)
    return process, f"http://127.0.0.1:{receive.recv()}"
