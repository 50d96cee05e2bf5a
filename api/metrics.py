"""Measure Thor for Prometheus; for a server that is away only its own figures are missing.

Reads the bus, the ingest counts and the streams; gives the text format.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.health import Account, JobHealth, account_of, bounded, collectors_of, jobs_of, scheduled_of
from api.routes.quotes import quotes_of
from api.state import SharedState
from thor import clock, database
from thor.database import edition
from thor.errors import ThorError
from thor.market.bus.messages import BusState
from thor.ops.collectors import CollectorStatus
from thor.stream.quote import Quote

CONTENT_TYPE = CONTENT_TYPE_LATEST
STREAM_PATH = "/api/quotes/stream"
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PARTS = ("database", "bus", "stream")
# The status of a request whose client left before its answer, as proxies count it.
_LEFT = 499


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What was predicted in the last hour, how far champions have drifted, and what is silent."""

    hour: Sequence[dict[str, Any]] = ()
    drift: Sequence[dict[str, Any]] = ()
    silences: Sequence[dict[str, Any]] = ()


async def model_figures_of(shared: SharedState) -> ModelFigures:
    """Return the figures of what is served. Raises `ThorError` where they cannot be read."""
    as_of = {"as_of": clock.now()}
    found = await asyncio.gather(
        bounded(database.fetch(shared.pool, "predictions_of_hour", as_of), "PostgreSQL"),
        bounded(database.fetch(shared.pool, "drift_of_champions"), "PostgreSQL"),
        bounded(database.fetch(shared.pool, "silences"), "PostgreSQL"),
    )
    return ModelFigures(*found)


def _question(row: dict[str, Any]) -> list[str]:
    return [row["target"], row["horizon"], ",".join(row["symbols"])]


class Metrics:
    """The registry of one application, filled at each scrape."""

    def __init__(self, shared: SharedState) -> None:
        """Take the parts to measure."""
        self._shared = shared
        self._scrape = asyncio.Lock()
        self._bus: BusState | None = None
        self._account: Account | None = None
        self._quotes: list[Quote] = []
        self._jobs: dict[str, JobHealth] = {}
        self._feeds: list[CollectorStatus] = []
        self._scheduled: list[dict[str, Any]] = []
        self._models = ModelFigures()
        self._up: dict[str, bool] = {}
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "thor_http_request_duration_seconds",
            "Time to answer a request; streams are not in it.",
            ("method", "route", "status"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.registry.register(self)

    async def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        async with self._scrape:
            await asyncio.gather(self._ask_bus(), self._ask_database(), self._ask_jobs())
            self._account, _ = (
                await account_of(self._shared) if all(self._up.values()) else (None, "")
            )
            hub = self._shared.hub
            self._up["stream"] = hub.fault is None and not hub.is_ended
            return generate_latest(self.registry)

    async def _ask_bus(self) -> None:
        self._bus, self._up["bus"] = None, False
        try:
            self._bus = await bounded(self._shared.listener.state(), "Redis")
            self._up["bus"] = True
            # The symbols with an age depend on the listing too.
            self._quotes = await bounded(quotes_of(self._shared, None), "Redis")
        except ThorError:
            self._quotes = []

    async def _ask_database(self) -> None:
        self._up["database"] = False
        try:
            await bounded(edition.fetch(self._shared.pool), "PostgreSQL")
            self._up["database"] = True
            self._scheduled = await scheduled_of(self._shared)
            self._models = await model_figures_of(self._shared)
        except ThorError:
            self._scheduled, self._models = [], ModelFigures()

    async def _ask_jobs(self) -> None:
        self._jobs = await jobs_of(self._shared)
        self._feeds = await collectors_of(self._shared)

    def collect(self) -> Iterator[Metric]:
        """Yield the figures read last; called by the registry."""
        up = GaugeMetricFamily("thor_up", "Whether a part answers.", labels=["part"])
        for part in _PARTS:
            up.add_metric([part], float(self._up.get(part, False)))
        yield up
        subscribers = self._shared.hub.subscribers
        clients = GaugeMetricFamily("thor_sse_clients", "Streams open now.", labels=["mode"])
        conflated = len(subscribers.conflated())
        clients.add_metric(["ticks"], len(subscribers) - conflated)
        clients.add_metric(["conflated"], conflated)
        yield clients
        yield CounterMetricFamily(
            "thor_sse_events_sent", "Events given to streams.", self._shared.hub.events_sent
        )
        yield from self._of_jobs()
        yield from self._of_scheduled()
        yield from self._of_models()
        yield from self._of_feeds()
        yield from self._of_bus()
        yield from self._of_account()
        ages = GaugeMetricFamily(
            "thor_quote_age_seconds", "Now minus received_at.", labels=["symbol", "source"]
        )
        for quote in self._quotes:
            ages.add_metric([quote.symbol, quote.source], quote.age_ms / 1000)
        yield ages

    def _of_jobs(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "thor_job_up",
            "Whether a job runs, waits for nothing and its loop turns.",
            labels=["job"],
        )
        ages = GaugeMetricFamily(
            "thor_job_age_seconds", "Time since a job's process last reported.", labels=["job"]
        )
        for name, job in self._jobs.items():
            up.add_metric([name], float(job.state == "running"))
            if job.age_ms is not None:
                ages.add_metric([name], job.age_ms / 1000)
        yield up
        yield ages

    def _of_scheduled(self) -> Iterator[Metric]:
        well = GaugeMetricFamily(
            "thor_scheduled_job_is_well",
            "Whether a scheduled job can be read, is on time and did not fail last.",
            labels=["job"],
        )
        moments = {
            "last_succeeded_at": GaugeMetricFamily(
                "thor_scheduled_job_success_timestamp_seconds",
                "When a scheduled job last succeeded, in seconds since 1970.",
                labels=["job"],
            ),
            "next_at": GaugeMetricFamily(
                "thor_scheduled_job_next_timestamp_seconds",
                "When a scheduled job runs next, in seconds since 1970.",
                labels=["job"],
            ),
        }
        for row in self._scheduled:
            well.add_metric([row["name"]], float(row["fault"] is None))
            for name, family in moments.items():
                if row[name] is not None:
                    family.add_metric([row["name"]], row[name].timestamp())
        yield well
        yield from moments.values()

    def _of_models(self) -> Iterator[Metric]:
        question = ["target", "horizon"]
        made = GaugeMetricFamily(
            "thor_predictions_last_hour",
            "Bars of the last hour that were predicted, or refused for a reason.",
            labels=[*question, "result"],
        )
        newest = GaugeMetricFamily(
            "thor_prediction_timestamp_seconds",
            "When a bar was last predicted, in seconds since 1970.",
            labels=question,
        )
        latency = GaugeMetricFamily(
            "thor_prediction_latency_seconds",
            "From when a bar was known until its live prediction, median of the last hour.",
            labels=question,
        )
        for row in self._models.hour:
            labels = [row["target"], row["horizon"]]
            made.add_metric([*labels, row["result"]], row["rows"])
            if row["result"] == "predicted":
                newest.add_metric(labels, row["newest_at"].timestamp())
                if row["latency_ms"] is not None:
                    latency.add_metric(labels, row["latency_ms"] / 1000)
        yield made
        yield newest
        yield latency
        drift = GaugeMetricFamily(
            "thor_model_drift",
            "Drift of a served model's worst feature over the limit at which it is demoted.",
            labels=[*question, "symbols"],
        )
        for row in self._models.drift:
            drift.add_metric(_question(row), row["drift"])
        yield drift
        silent = GaugeMetricFamily(
            "thor_model_silent",
            "1 for a question that nothing answers since what was served decayed.",
            labels=[*question, "symbols", "cause"],
        )
        for row in self._models.silences:
            silent.add_metric([*_question(row), row["cause"]], 1)
        yield silent

    def _of_feeds(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "thor_collector_state",
            "1 for the state that a live feed is in.",
            labels=["source", "state"],
        )
        since = GaugeMetricFamily(
            "thor_collector_state_since_timestamp_seconds",
            "When a live feed's state began, in seconds since 1970.",
            labels=["source"],
        )
        spilled = GaugeMetricFamily(
            "thor_collector_spilled_ticks",
            "Ticks that wait in a file for the bus.",
            labels=["source"],
        )
        for feed in self._feeds:
            states.add_metric([feed.source, feed.state], 1)
            since.add_metric([feed.source], feed.since.timestamp())
            spilled.add_metric([feed.source], feed.spilled)
        yield states
        yield since
        yield spilled

    def _of_bus(self) -> Iterator[Metric]:
        bus = self._bus
        if bus is None:
            return
        yield CounterMetricFamily(
            "thor_bus_received",
            "Ticks published in this life of the bus.",
            self._account.received if self._account else bus.received,
        )
        yield GaugeMetricFamily("thor_bus_held_ticks", "Ticks on the stream.", bus.held)
        yield GaugeMetricFamily(
            "thor_bus_pending_entries", "Entries taken and not acknowledged.", bus.pending_entries
        )
        if bus.lag_entries is not None:
            yield GaugeMetricFamily(
                "thor_bus_lag_entries", "Entries not yet read.", bus.lag_entries
            )
        shadowed = CounterMetricFamily(
            "thor_bus_shadowed",
            "Ticks of a source while a better source is active.",
            labels=["source"],
        )
        for source, n in bus.shadowed.items():
            shadowed.add_metric([source], n)
        yield shadowed

    def _of_account(self) -> Iterator[Metric]:
        account = self._account
        if account is None:
            return
        for name in ("inserted", "duplicate", "rejected", "lost"):
            yield CounterMetricFamily(
                f"thor_ingest_{name}", f"Ticks {name}, of those received.", getattr(account, name)
            )
        yield GaugeMetricFamily(
            "thor_ingest_pending", "Ticks received that no batch covers.", account.pending
        )
        yield GaugeMetricFamily(
            "thor_ingest_is_balanced",
            "Whether received = inserted + duplicate + rejected + lost + pending.",
            float(account.is_balanced),
        )


class Observed:
    """Times every answer by its route; streams are passed on untouched."""

    def __init__(self, app: ASGIApp, requests: Histogram) -> None:
        """Take the application behind it, and the histogram of requests."""
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how long the answer took."""
        if scope["type"] != ScopeType.HTTP or scope["path"] == STREAM_PATH:
            await self._app(scope, receive, send)
            return
        start_s, status = clock.monotonic_s(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            status = _LEFT
            raise
        finally:
            asked = str(scope.get("method"))
            method = asked if asked in _METHODS else "other"
            route = scope.get("path_template") or "unmatched"
            labels = (method, route, str(status))
            self._requests.labels(*labels).observe(clock.monotonic_s() - start_s)
