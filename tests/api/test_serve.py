"""The serving loop shows that it turns, on the very stop that it is given."""

import asyncio
from typing import Any

import pytest
from ticks_made import settings

from api import serve
from thor.observe import logger
from thor.runtime import Stop


class Counted(Stop):
    """A stop that counts how often it is asked; it is not set, so it is false."""

    asked = 0

    def __bool__(self) -> bool:
        self.asked += 1
        return super().__bool__()


def test_the_serving_loop_asks_the_stop_it_is_given_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = Counted()

    class Served:
        """Serves until the loop has turned three times."""

        class config:
            @staticmethod
            def get_loop_factory() -> Any:
                return asyncio.new_event_loop

        async def serve(self, sockets: Any) -> None:
            while stop.asked < 3:
                await asyncio.sleep(0)

    monkeypatch.setattr(serve, "_TURN_S", 0.0)
    monkeypatch.setattr(serve, "server", lambda *_: Served())
    given = settings(api_port=0)
    serve.serve(given, "postgresql://", "redis://", logger("test"), stop)
    assert stop.asked >= 3
