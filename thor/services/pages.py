"""Build the pages in the background, and open them where this machine has a desktop.

The build is a process of its own and of the lowest priority: the first quote does not wait for it.
`ui/build.py` does the work and writes its progress, which the API shows meanwhile.
"""

import os
import subprocess
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path

from thor.config import has_display
from thor.services.privileges import is_root

BUILDER = Path(__file__).resolve().parents[2] / "ui" / "build.py"
_STOP_S = 5


class PagesBuild:
    """The build of the pages, running while this is entered and it is not done."""

    def __init__(self, builder: Path = BUILDER) -> None:
        """Take the build script; without it nothing is started."""
        self._builder = builder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PagesBuild":
        """Start the build in the background."""
        if self._builder.is_file():
            self._process = subprocess.Popen(
                [sys.executable, str(self._builder), "--background"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A session of its own: this process passes Ctrl-C on, to all that it started.
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop a build that is still running, with the processes it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        if sys.platform == "win32":
            process.terminate()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)

    def open_browser(self, address: str) -> None:
        """Open the pages once they are built, where this machine has a desktop."""
        if has_desktop():
            threading.Thread(target=self._open, args=(address,), daemon=True).start()

    def _open(self, address: str) -> None:
        if self._process is not None:
            self._process.wait()
        webbrowser.open(address)


def has_desktop() -> bool:
    """Return whether this machine has a desktop for this ordinary user."""
    return has_display() and sys.stdout.isatty() and not is_root()
