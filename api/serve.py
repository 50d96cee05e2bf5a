"""Run the application in this process until it is stopped.

Binds the address first, so that a taken port is an error with a name; open streams end before it
waits for connections.
"""

import asyncio
import socket
from typing import Any

import uvicorn

from api.app import create_app
from api.transport import TransportProtocol
from thor.config import Settings
from thor.errors import Unavailable
from thor.people.reach import check_people, checked_host
from thor.runtime import Stop

# Streams end by themselves when stopped; this is the upper limit.
_GRACE_S = 1
_TURN_S = 1.0


class Server(uvicorn.Server):
    """A server whose streams end as soon as it is stopped."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, disconnect clients that do not read, then shut down."""
        self.config.app.state.shared.hub.end()  # type: ignore[union-attr]
        for connection in list(self.server_state.connections):
            flow = getattr(connection, "flow", None)
            if flow is not None and flow.write_paused:
                connection.transport.abort()
        await super().shutdown(sockets)


def bound(settings: Settings) -> socket.socket:
    """Return a socket bound to the settings' address; raises `Unavailable` where it is taken."""
    host = checked_host(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Where the protocol is not named, asyncio leaves Nagle's algorithm on, and every
    # other event waits 40 ms for the client's acknowledgement of the one before.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, settings.api_port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"THOR_API_PORT: {host} port {settings.api_port} cannot be bound: {error.strerror}"
        ) from error
    return listener


def server(settings: Settings, database_url: str, redis_url: str) -> Server:
    """Return a server of the application, not yet started."""
    app = create_app(settings, database_url, redis_url)
    return Server(
        uvicorn.Config(
            app,
            http=TransportProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def serve(
    settings: Settings, database_url: str, redis_url: str, log: Any, stop: Stop | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; open streams end within two seconds of it.

    Raises `Refused` where others could reach it and no owner is set up, or where a live database is
    to be served without login. The serving loop checks `stop` once a second, which shows that it
    does not hang.
    """
    check_people(settings, database_url)
    with bound(settings) as listener:
        host, port = listener.getsockname()[:2]
        log.info("serving", url=f"http://{host}:{port}")
        running = server(settings, database_url, redis_url)
        factory = running.config.get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_serve(running, listener, Stop() if stop is None else stop))


async def _serve(running: Server, listener: socket.socket, stop: Stop) -> None:
    turning = asyncio.create_task(_turn(stop))
    try:
        await running.serve(sockets=[listener])
    finally:
        turning.cancel()


async def _turn(stop: Stop) -> None:
    while not stop:
        await asyncio.sleep(_TURN_S)
