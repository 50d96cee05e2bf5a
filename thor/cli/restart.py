"""`thor restart`: start a job of the running Thor anew."""

from typing import Annotated

import typer

from thor.cli.common import tell
from thor.config import Settings


def restart(
    job: Annotated[str, typer.Argument(help="The job, as `thor status` names it.")],
) -> None:
    """Start a job anew, at once; one that fails is tried again by itself, with growing delays."""
    from thor.services.home import Home
    from thor.services.supervisor import restart_job

    restart_job(Home(Settings().home), job)
    tell(f"{job} has been started anew")
