"""What a command leaves on disk if it dies at a point, for every point of one run of it.

At each point the process is stopped, all its threads, and its folder is copied; then it goes on. A copy is what a kill
leaves there: what a process has written is the kernel's, whether synced or not, and what it was sent and has not
written is lost. Points between which no file changes and no reply comes leave the same.
"""

import hashlib
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command import until
from tests.world.zygote import Child

# SQLite makes its shared memory anew from the file beside it; what a command prints nobody reads.
PASSED = re.compile(r".*-shm|output-\d+\.txt")


@dataclass(frozen=True)
class Moment:
    """What is there at a point.

    points: those that leave it, as they are logged: number, kind, and what it concerns. files: their contents by the
    name of a blob. folders: those that hold nothing, too. delivered, sound: replies that had come, by id, with how
    often.
    """

    points: list[str]
    files: dict[str, str]
    folders: frozenset[str]
    delivered: Counter[str]
    sound: Counter[str]

    @property
    def leaves(self) -> tuple[object, ...]:
        """What a kill leaves: equal, if it does not matter at which of two moments it comes."""
        return self.files, self.folders, self.delivered


class Blobs:
    """Contents of files by their hash, and what each file held when it was looked at last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[tuple[int, ...], str]] = {}
        folder.mkdir()

    def keep(self, file: Path) -> str:
        """The name of the blob with what the file holds; read anew only if the file has changed."""
        stat = file.stat()
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        seen = self._seen.get(str(file))
        if seen and seen[0] == mark:
            return seen[1]
        data = file.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        if not (self._folder / name).exists():
            (self._folder / name).write_bytes(data)
        self._seen[str(file)] = mark, name
        return name

    def put(self, name: str, file: Path) -> None:
        """Write a blob into a file."""
        shutil.copyfile(self._folder / name, file)


class Watch:
    """Stops a command at each of its points; `order` is what its process is told (`tests.world.points.install`)."""

    def __init__(self, pipes: Path, folder: Path, blobs: Blobs) -> None:
        self._at, self._on, self._folder, self._blobs = pipes / "at", pipes / "on", folder, blobs
        for pipe in (self._at, self._on):
            os.mkfifo(pipe)
        self.order: dict[str, Any] = {"stop": [str(self._at), str(self._on)]}

    def moments(self, child: Child, world: Any) -> list[Moment]:
        """Every moment of a command that was started with `order`, in turn; it has ended then."""
        found: list[Moment] = []
        with self._at.open("rb", buffering=0) as at, self._on.open("wb", buffering=0) as on:
            for number, point in enumerate(_lines(at)):
                _stop(child.pid)
                moment = self._look(f"{number} {point}", world)
                os.kill(child.pid, signal.SIGCONT)
                last = found[-1] if found else None
                if last and last.leaves == moment.leaves:
                    last.points.extend(moment.points)
                else:
                    found.append(moment)
                on.write(b"\n")
        return found

    def _look(self, point: str, world: Any) -> Moment:
        until(lambda: world.machine.endpoint.stats()["in_flight"] == 0, lambda: "the endpoint never came to rest", 0.01)
        ids = world.machine.endpoint.stats("ids")
        found = {str(path.relative_to(self._folder)): path for path in self._folder.rglob("*")}
        folders = frozenset(name for name, path in found.items() if path.is_dir())
        kept = {name: path for name, path in found.items() if path.is_file() and not PASSED.fullmatch(name)}
        files = {name: self._blobs.keep(path) for name, path in kept.items()}
        return Moment([point], files, folders, Counter(ids["delivered"]), Counter(ids["sound"]))

    def restore(self, moment: Moment) -> None:
        """Have the folder hold what it held at a moment, and nothing else."""
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        for folder in sorted(moment.folders):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        for name, blob in moment.files.items():
            self._blobs.put(blob, self._folder / name)


def _lines(pipe: Any) -> Iterator[str]:
    """The points that the process is at, until it has ended; each fits into what a pipe takes at once."""
    while data := pipe.read(os.fpathconf(pipe.fileno(), "PC_PIPE_BUF")):
        yield data.decode().rstrip("\n")


def _stop(pid: int) -> None:
    """Stop a process, and wait until none of its threads runs."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state in "TtZX" for state in _states(pid)), lambda: f"{pid} does not stop", 0.001)


def _states(pid: int) -> Iterator[str]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield (task / "stat").read_text().rpartition(")")[2].split()[0]
