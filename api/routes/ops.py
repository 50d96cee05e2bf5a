"""Health for people and supervisors, metrics for Prometheus.

Reads every part.
"""

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from api.errors import OpenOperation, ProblemOperation, declared
from api.health import Health, health_of
from api.metrics import CONTENT_TYPE, Metrics
from api.state import SharedState

_DOWN = ResponseSpec(
    data_container=Health, description="The database or the bus is away.", generate_examples=False
)


@get("/health", responses={**declared(), 503: _DOWN}, operation_class=OpenOperation, tags=["ops"])
async def health(shared: NamedDependency[SharedState]) -> Response[Health]:
    """Return the state of each part: 200 where ok or degraded, 503 where down."""
    found = await health_of(shared)
    return Response(found, status_code=503 if found.status == "down" else 200)


@get(
    "/metrics",
    responses=declared(),
    operation_class=ProblemOperation,
    media_type=MediaType.TEXT,
    tags=["ops"],
)
async def metrics(measures: NamedDependency[Metrics]) -> Response[str]:
    """Return the metrics in Prometheus's text format; never fails for a server that is away."""
    text = await measures.text()
    return Response(text.decode(), headers={"content-type": CONTENT_TYPE})
