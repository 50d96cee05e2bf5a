"""Errors, named by what the caller should do.

Every module may import it; it imports nothing.

ThorError ├── Rejected      bad input        quarantine it       422 ├── NotFound      no such thing
say so              404 ├── Refused       a rule said no   record it           409 ├── Unavailable
a server is down wait and retry      503 └── Broken        an invariant     stop the process    500

Of Refused: Unidentified (nobody is known, log in, 401) and Forbidden (the role may not, 403); of
Unavailable: Throttled (too many attempts, wait, 429).
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


class Unidentified(Refused):
    """Nobody is known by what the request carries: log in, then ask again."""

    http_status = 401


class CodeNeeded(Unidentified):
    """The password is right, and the account asks for the code of its second factor too."""


class Forbidden(Refused):
    """The role of who asks may not do this: ask somebody whose role may."""

    http_status = 403


class Unavailable(ThorError):
    """A server is down or full: wait, then try again."""

    http_status = 503
    exit_code = 5


class Throttled(Unavailable):
    """Too many attempts: wait so many seconds, then try again."""

    http_status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        """Take what was tried too often, and the seconds to wait."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Broken(ThorError):
    """An invariant is violated: stop, a person has to look."""

    http_status = 500
    exit_code = 6
