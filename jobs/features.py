"""Keep the stored features in step with the bars until asked to stop.

Reads store.features_to_refresh; writes store.features_1m, _5m and _1h. What just closed or
changed is made at once; long ranges are built beside it, by the month, the newest first.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from jobs.run import run
from thor import clock, database
from thor.config import Settings
from thor.flow import build_features
from thor.learning import feature_store
from thor.learning.feature_store import Kept
from thor.runtime import Stop, Stopped, persist
from thor.services.home import Home
from thor.services.running import database_url

_EVERY_S = 0.1
_SWEEP_EVERY_S = 10.0
# Another keeper is at work: this one takes over when that ends.
_STAND_BY_S = 1.0
_BUILD_EVERY_S = 2.0


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Look ten times a second; a server that is away is waited for."""
    url = database_url(Home(settings.home), settings)
    # A stop of its own: its turns are not the job's.
    building = Stop()
    pool = ThreadPoolExecutor(1, "builder")
    builder = pool.submit(_build_all, url, building, log)
    keeper = _Keeper(url, stop)
    try:
        while not stop.wait(_EVERY_S):
            if builder.done():
                builder.result()
            done = persist(
                keeper.turn, stop, lambda why, n: log.info("waiting", reason=why, attempt=n)
            )
            if done.ranges or done.added or done.changed:
                log.debug("kept", **{name: getattr(done, name) for name in Kept.__struct_fields__})
    finally:
        building.set()
        keeper.close()
        pool.shutdown()


class _Keeper:
    """Keeps one connection and the keeper's lock, and comes round."""

    def __init__(self, url: str, stop: Stop) -> None:
        self._url = url
        self._stop = stop
        self._connection: database.Connection[Any] | None = None
        self._is_held = False
        self._sweep_due_s = 0.0

    def turn(self) -> Kept:
        """Make what is recorded, and now and then look for what is not."""
        try:
            return self._turn()
        except BaseException:
            self.close()
            raise

    def _turn(self) -> Kept:
        if self._connection is None:
            self._connection = database.connect(self._url, "features")
        if not self._is_held:
            found = database.one(self._connection, "hold_feature_keeper")
            self._is_held = bool(found["is_held"])
            if not self._is_held:
                self._stop.wait(_STAND_BY_S)
                return Kept()
        done = feature_store.catch_up(self._connection)
        if clock.monotonic_s() >= self._sweep_due_s:
            self._sweep_due_s = clock.monotonic_s() + _SWEEP_EVERY_S
            done += feature_store.sweep(self._connection)
        return done

    def close(self) -> None:
        """Let go of the connection, and with it of the lock."""
        self._is_held = False
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _build_all(url: str, stop: Stop, log: Any) -> None:
    """Build long ranges until asked to stop."""
    with suppress(Stopped):
        while not stop.wait(_BUILD_EVERY_S):
            persist(
                partial(_build, url, stop, log),
                stop,
                lambda why, n: log.info("build waits", reason=why, attempt=n),
            )


def _build(url: str, stop: Stop, log: Any) -> None:
    with database.connect(url, "features build") as connection:
        if not database.one(connection, "hold_feature_builder")["is_held"]:
            return
        for done in build_features.build(connection, stop=stop.__bool__):
            log.info(
                "built",
                width=done.width,
                family=done.family,
                ts_from=done.ts_from.isoformat(),
                rows=done.rows,
                added=done.kept.added,
                changed=done.kept.changed,
            )


if __name__ == "__main__":
    run(main, "features")
