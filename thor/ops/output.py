"""Keep the output of a job's process: its first and its last part, and a count of all.

Stage 95, ops. A job that writes a gigabyte takes no more memory than one that writes a page.
"""

import threading

# Of each part; a log has both.
KEPT_BYTES = 64 << 10


class KeptOutput:
    """The output of one attempt, behind that of the attempts before it.

    `add` may be called from another thread than the rest.
    """

    def __init__(self, before: str = "", before_bytes: int = 0, kept: int = KEPT_BYTES) -> None:
        """Take the log so far, the bytes that it stands for, and how many each part may have."""
        self._guard = threading.Lock()
        self._kept = kept
        self._head = bytearray()
        self._tail = bytearray()
        self._before = before
        self._before_bytes = before_bytes
        self._bytes = 0

    @property
    def total(self) -> int:
        """The bytes written by all attempts, kept or not."""
        with self._guard:
            return self._before_bytes + self._bytes

    def add(self, block: bytes) -> None:
        """Take what the process wrote."""
        with self._guard:
            self._bytes += len(block)
            space = self._kept - len(self._head)
            self._head += block[:space]
            self._tail += block[space:] if space > 0 else block
            if len(self._tail) > 2 * self._kept:
                del self._tail[: -self._kept]

    def text(self) -> str:
        """Return the log: text that PostgreSQL can store, with a line where a part is left out."""
        with self._guard:
            tail = self._tail[-self._kept :]
            left_out = self._bytes - len(self._head) - len(tail)
            parts = [bytes(self._head), bytes(tail)]
        head, end = (part.decode(errors="replace").replace("\0", "\ufffd") for part in parts)
        gap = f"\n[{left_out:,} bytes are left out here]\n" if left_out else ""
        return _shortened(self._before + head + gap + end, self._kept)

    def last_line(self) -> str:
        """Return the last line that has ink, empty where there is none."""
        with self._guard:
            written = bytes((self._head + self._tail)[-self._kept :])
        lines = written.decode(errors="replace").replace("\0", "\ufffd").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _shortened(text: str, kept: int) -> str:
    """Return a log of several attempts, its middle left out where it is too long."""
    if len(text) <= 3 * kept:
        return text
    return f"{text[:kept]}\n[earlier attempts are left out here]\n{text[-2 * kept :]}"
