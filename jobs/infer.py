"""Predict with the promoted models as bars close, until asked to stop.

Reads store.features_1m, _5m and _1h; writes store.feature_rows, model.predictions and
feedback.outcomes; publishes predictions:stream and features:latest:<set>:<symbol> on the bus.
"""

from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.infer import Done, infer
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Predict until asked to stop; a server that is away is waited for."""
    found = endpoints(Home(settings.home), settings)

    def report(done: Done) -> None:
        if done.demoted:
            log.warning("demoted", models=done.demoted)
        if done.predicted or done.refused:
            log.debug("predicted", **{name: getattr(done, name) for name in Done.__struct_fields__})

    infer(
        found.database_url,
        found.redis_url,
        stop,
        report,
        lambda why, n: log.info("waiting", reason=why, attempt=n),
        lambda model, why: log.warning("not served", model=model, reason=why),
    )


if __name__ == "__main__":
    run(main, "infer")
