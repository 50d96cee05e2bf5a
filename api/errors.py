"""Return errors in one format: `application/problem+json` of RFC 9457.

The status of an error is its own, `ThorError.http_status`: there is no other table.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Reference

from thor import database, observe
from thor.errors import (
    Broken,
    Forbidden,
    NotFound,
    Rejected,
    ThorError,
    Throttled,
    Unavailable,
    Unidentified,
)

PROBLEM = "application/problem+json"
_TOO_LARGE = "A number of the request is larger than the database takes: ask for a smaller one"
_NUL = "A text of the request has a NUL, which no name and no note here has: leave it out"
# What the database's types refuse, by SQLSTATE: numeric_value_out_of_range, and texts with a NUL
# in JSON and elsewhere, which the driver refuses itself, without a state.
_INPUTS = {"22003": _TOO_LARGE, "22P05": _NUL, "22021": _NUL, None: _NUL}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_log = observe.logger("api")


class Problem(msgspec.Struct, frozen=True):
    """An error. `type` is its kind, `detail` names the value and the fix."""

    type: str
    title: str
    status: int
    detail: str
    instance: str


def problem(status: int, title: str, detail: str, instance: str) -> Problem:
    """Return a problem; a password in a URL is hidden."""
    kind = f"urn:thor:problem:{title.lower().replace(' ', '-')}"
    return Problem(kind, title, status, observe.redacted(detail), instance)


def encoded(found: Problem) -> bytes:
    """Return a problem as a response."""
    return msgspec.json.encode(found)


def declared(*errors: type[ThorError]) -> dict[int, ResponseSpec]:
    """Return the OpenAPI responses of a route that may raise these."""
    kinds: tuple[type[ThorError], ...] = (*errors, Broken)
    return {
        error.http_status: ResponseSpec(
            data_container=Problem,
            description=(error.__doc__ or error.__name__).split("\n")[0],
            media_type=PROBLEM,
            generate_examples=False,
        )
        for error in kinds
    }


def _of_guard(error: type[ThorError]) -> OpenAPIResponse:
    form = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))
    description = (error.__doc__ or error.__name__).split("\n")[0]
    return OpenAPIResponse(description=description, content={PROBLEM: form})


@dataclass
class OpenOperation(Operation):
    """An operation for everybody, without the error schema that the framework would declare."""

    def __post_init__(self) -> None:
        """Keep only the responses that are sent: bad input is a 422 problem, not a 400."""
        if self.responses:
            self.responses.pop("400", None)


@dataclass
class ProblemOperation(OpenOperation):
    """An operation that asks for a role, with the answers to those who have none."""

    def __post_init__(self) -> None:
        """Declare the problems of the guard too."""
        super().__post_init__()
        if self.responses is not None:
            for error in (Unidentified, Forbidden):
                self.responses.setdefault(str(error.http_status), _of_guard(error))


BAD_INPUT = declared(Rejected, NotFound, Unavailable)
AWAY = declared(Unavailable)


def _respond(request: Request[Any, Any, Any], status: int, title: str, detail: str) -> Any:
    found = problem(status, title, detail, request.url.path)
    return Response(encoded(found), status_code=status, media_type=PROBLEM)


def _thor(request: Request[Any, Any, Any], error: ThorError) -> Any:
    title = _CAPITAL.sub(" ", type(error).__name__)
    response = _respond(request, error.http_status, title, str(error))
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Any:
    faults = error.extra if isinstance(error.extra, list) else []
    found = [f"{fault.get('key', 'request')}: {fault.get('message')}" for fault in faults]
    detail = "; ".join(found) or error.detail
    return _respond(request, Rejected.http_status, Rejected.__name__, detail)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return _respond(request, Rejected.http_status, Rejected.__name__, error.detail)
    title = HTTPStatus(error.status_code).phrase
    detail = {404: f"{request.url.path} is no route; GET /docs lists them"}.get(
        error.status_code, f"{request.method} {request.url.path}: {error.detail}"
    )
    response = _respond(request, error.status_code, title, detail)
    response.headers.update(error.headers or {})
    return response


def _input(request: Request[Any, Any, Any], error: database.DataError) -> Any:
    detail = _INPUTS.get(error.sqlstate)
    if detail is None or (error.sqlstate is None and "NUL" not in str(error)):
        return _unforeseen(request, error)
    return _respond(request, Rejected.http_status, Rejected.__name__, detail)


def _too_deep(request: Request[Any, Any, Any], _: RecursionError) -> Any:
    detail = "The body: it is nested too deep"
    return _respond(request, Rejected.http_status, Rejected.__name__, detail)


def _unforeseen(request: Request[Any, Any, Any], error: Exception) -> Any:
    _log.error("unforeseen", path=request.url.path, exc_info=error)
    detail = f"Unforeseen {type(error).__name__}; the log has the rest"
    return _respond(request, Broken.http_status, Broken.__name__, detail)


HANDLERS: dict[int | type[Exception], Any] = {
    ThorError: _thor,
    ValidationException: _invalid,
    HTTPException: _http,
    database.DataError: _input,
    RecursionError: _too_deep,
    Exception: _unforeseen,
}
