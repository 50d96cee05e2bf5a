"""Errors, named by what the caller should do.

Every module may import it; it imports nothing.

ThorError ├── Rejected      bad input        quarantine it       422 ├── NotFound      no such thing
say so              404 ├── Refused       a rule said no   record it           409 ├── Unavailable
a server is down wait and retry      503 └── Broken        an invariant     stop the process    500
"""


class ThorError(Exception):
    """Base of every error that Thor raises on purpose."""

    http_status = 500
    exit_code = 1


class Rejected(ThorError):
    """The input is bad: quarantine it, name the field and the value."""

    http_status = 422
    exit_code = 2


class NotFound(ThorError):
    """There is no such thing."""

    http_status = 404
    exit_code = 3


class Refused(ThorError):
    """A rule forbids it: record it, do not retry."""

    http_status = 409
    exit_code = 4


class Unavailable(ThorError):
    """A server is down or full: wait, then try again."""

    http_status = 503
    exit_code = 5


class Broken(ThorError):
    """An invariant is violated: stop, a person has to look."""

    http_status = 500
    exit_code = 6
