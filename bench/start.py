"""How long a person waits from a fresh clone to the first quote on screen.

`make run` is what they type: it makes the environment, installs from the hashed requirements,
starts both servers, makes and migrates a database, starts the jobs and shows quotes. Measured
from the command to the line that names the first quote, in a clone (a copy of the working tree
where it holds uncommitted work) and a home of its own, both temporary:

warm      pip's cache as it is on this machine
no cache  nothing of pip's cache is used: what is installed comes over the network
again     the same clone and home a second time: what every later start costs

There is no peer to compare with; the share that is not the installation is Thor's own.
Stopping by Ctrl-C is timed too: it has to take no more than five seconds.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from workbench import REPO, arguments, goal, machine, reported, table

FIRST_QUOTE = "first quote"
STARTING = "starting Thor"
STOP_WITHIN_S = 5.0
_WITHIN_S = 540.0

Times = tuple[float, float, float]  # seconds to Thor's start, to the first quote, to stop


def clone(folder: Path) -> str:
    """Make a clone, or a copy of the files that a commit would hold; say which."""
    changed = _git("status", "--porcelain")
    if not changed.strip():
        subprocess.run(["git", "clone", "--quiet", str(REPO), str(folder)], check=True)
        return "a clone"
    for name in _git("ls-files", "-z", "-co", "--exclude-standard").split("\0"):
        source = REPO / name
        if name and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return "a copy of the working tree, which has uncommitted work"


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(REPO), *words], check=True, capture_output=True, text=True
    ).stdout


def run(folder: Path, home: Path, **more: str) -> Times:
    """Type `make run`, wait for the first quote, type Ctrl-C; return the three times."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("THOR_", "VIRTUAL_ENV"))}
    env |= {"THOR_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **more}
    begin = time.monotonic()
    child = subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A terminal's Ctrl-C reaches the whole group.
        start_new_session=True,
    )
    late = threading.Timer(_WITHIN_S, os.killpg, (child.pid, signal.SIGINT))
    late.start()
    started = quoted = 0.0
    said: list[str] = []
    assert child.stdout is not None
    try:
        for line in child.stdout:
            said.append(line)
            if STARTING in line and not started:
                started = time.monotonic() - begin
            if re.search(FIRST_QUOTE, line):
                quoted = time.monotonic() - begin
                break
        stop = time.monotonic()
        os.killpg(child.pid, signal.SIGINT)
        said += child.stdout.readlines()
        child.wait(60)
        stopped = time.monotonic() - stop
    finally:
        late.cancel()
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(60)
    if not quoted:
        raise SystemExit(f"no quote within {_WITHIN_S:g} s:\n{''.join(said[-30:])}")
    return started, quoted, stopped


def main() -> None:
    """Measure and print."""
    args = arguments(__doc__ or "")
    machine()
    found: dict[str, Times] = {}
    what = ""
    ways = [("warm", {})] if args.quick else [("warm", {}), ("no cache", {"PIP_NO_CACHE_DIR": "1"})]
    for name, more in ways:
        # Root's servers run as another user, who has to reach the home.
        folder = Path(tempfile.mkdtemp(prefix="thor-bench-"))
        folder.chmod(0o711)
        try:
            what = clone(folder / "thor")
            reported(f"make run, {name}")
            found[name] = run(folder / "thor", folder / "home", **more)
            if name == "warm":
                reported("make run, again")
                found["again"] = run(folder / "thor", folder / "home")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"`make run` in {what}\n")
    table(
        ["seconds", "set up", "Thor to first quote", "first quote", "Ctrl-C"],
        [
            [name, f"{started:.1f}", f"{quoted - started:.1f}", f"{quoted:.1f}", f"{stopped:.1f}"]
            for name, (started, quoted, stopped) in found.items()
        ],
    )
    for name, (_, quoted, stopped) in found.items():
        goal(f"first quote on screen, {name}", f"{quoted:.1f} s", quoted > 0)
        is_met = stopped <= STOP_WITHIN_S
        goal(f"Ctrl-C within {STOP_WITHIN_S:g} s, {name}", f"{stopped:.1f} s", is_met)


if __name__ == "__main__":
    main()
