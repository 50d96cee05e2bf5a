"""Serve the API until stopped.

Reads the bus and the database; binds the address of THOR_API_HOST and THOR_API_PORT.
"""

from typing import Any

from api.serve import serve
from jobs.run import run
from thor.config import Settings
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Run the API of this home; the server handles the signals itself."""
    urls = endpoints(Home(settings.home), settings)
    serve(settings, urls.database_url, urls.redis_url, log, stop)


if __name__ == "__main__":
    run(main, "api")
