"""Checks a release by loading it as a trainer does: with Hugging Face `datasets`, and chat through a chat template.

It happens in a process of its own (`loader`): these libraries read their environment when they are imported, keep
what they loaded in a cache, and would stay in memory. In that process they are offline, have no token, and a cache
that is removed afterwards. It is kept as long as this one lasts: a takedown writes many exports, and to import these
libraries takes longer than to load most.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from subprocess import PIPE
from threading import Lock
from typing import Any

from evergrow.methods.text.counts import counted
from evergrow.resources.releases.manifest import Manifest, read_manifest
from evergrow.resources.releases.proof import Discrepancy

LOAD_S = 3600.0  # longest that a load may take; 100,000 rows take seconds
END_S = 5.0  # for a process that has nothing to do any more
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
SECRET = ("HF_", "HUGGING_FACE", "OPENAI_", "EVERGROW_", "TRANSFORMERS_")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a release found.

    Attributes:
        rows: by split.
        rendered: rows that went through a chat template; 0 for forms other than chat.
        marked: rows whose text holds a mark by which chat templates tell turns apart (`<|im_end|>`): a trainer that
            does not escape them reads turns there that are none.
        faults: what is wrong; empty: it loads as it was written.
    """

    rows: Mapping[str, int]
    rendered: int
    marked: int
    faults: tuple[Discrepancy, ...]


def check_loads(folder: Path, called: Path | None = None) -> Loaded:
    """Load the release in `folder`, and compare what was loaded with its manifest: splits, columns, every row.

    called: the place that faults name, if the release is still to be put there.

    Raises:
        ManifestError: there is no manifest.
    """
    manifest = read_manifest(folder)
    with tempfile.TemporaryDirectory(prefix="evergrow-load-") as cache:
        found = _load(folder.resolve(), manifest.form if manifest.answered else "instructions", cache)
    if isinstance(found, str):
        said = found.replace(str(folder.resolve()), str(called)) if called else found
        if "FileNotFoundError" in said and has_magic(str(folder.resolve())):
            said += "; `datasets` takes a path with *, ? or [ for a pattern: choose another folder"
        return Loaded({}, 0, 0, (Discrepancy(str(called or folder), said),))
    splits = found["splits"]
    faults = [*_compare(manifest, splits), *(Discrepancy(split, what) for split, what in found["turns"])]
    return Loaded(
        {name: told["rows"] for name, told in splits.items()}, found["rendered"], found["marked"], tuple(faults)
    )


class _Loader:
    """A process that loads releases, one after another."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRET)}
        command = [sys.executable, "-m", "evergrow.resources.releases.loader"]
        self._home = tempfile.TemporaryDirectory(prefix="evergrow-load-", ignore_cleanup_errors=True)
        kept = {"HF_HOME": self._home.name, "TMPDIR": self._home.name}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - the command is our own
            command, env={**environment, **OFFLINE, **kept}, stdin=PIPE, stdout=PIPE, stderr=self._errors
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        atexit.register(self.end)

    @property
    def there(self) -> bool:
        """Whether it takes another order."""
        return self._process.poll() is None

    def load(self, **order: str) -> dict[str, Any] | str:
        """What was found, or why nothing was; a load that is not seen to its end ends the process, too."""
        try:
            line = self._answer(order)
        except BaseException:
            self.end(at_once=True)  # its answer must not be taken for that of another load
            raise
        if line is None:
            self.end(at_once=True)
            return f"was not loaded within {LOAD_S:.0f} s"
        if line.endswith(b"\n"):
            found: dict[str, Any] = json.loads(line)
            return f"cannot be loaded: {found['error']}" if "error" in found else found
        return f"cannot be loaded: {self._last_words()}"

    def _answer(self, order: Mapping[str, str]) -> bytes | None:
        """The line that answers an order; without its end if the process ended before; None if none came in time."""
        try:
            self._orders.write(json.dumps(order).encode() + b"\n")
            self._orders.flush()
        except BrokenPipeError:
            return b""
        return self._answers.readline() if select.select([self._answers], [], [], LOAD_S)[0] else None

    def _last_words(self) -> str:
        """End what does not answer any more; what it has said of it, or else its exit code."""
        self._wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self.end()
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def end(self, *, at_once: bool = False) -> None:
        """End it, `at_once` or when it is through with its order, and remove what it kept."""
        atexit.unregister(self.end)
        if at_once:
            self._process.kill()
        with suppress(BrokenPipeError):
            self._orders.close()
        self._wait()
        self._home.cleanup()
        self._answers.close()
        self._errors.close()

    def _wait(self) -> None:
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # a process that was forked meanwhile holds its orders open
            self._process.kill()
            self._process.wait()


_LOCK = Lock()
_KEPT: list[_Loader] = []  # one, once there was a load


def _load(folder: Path, form: str, cache: str) -> dict[str, Any] | str:
    """What was found, or why nothing was."""
    with _LOCK:
        if _KEPT and not _KEPT[0].there:
            _KEPT.pop().end()
        if not _KEPT:
            _KEPT.append(_Loader())
        return _KEPT[0].load(folder=str(folder), form=form, cache=cache)


def _other_values(times: Sequence[str]) -> str:
    told = "was loaded with other values than were written"
    if times:  # in columns that are never left out: the trainer's own, and those that tell rows apart
        named = ", ".join(f"`{name}`" for name in times)
        told += f", perhaps as what {named} holds reads as times, which readers of JSON lines take it for"
    return f"{told}; write parquet instead (--format parquet)"


def _compare(manifest: Manifest, splits: Mapping[str, Mapping[str, Any]]) -> list[Discrepancy]:
    faults = [Discrepancy(split, "was not loaded") for split in manifest.splits if split not in splits]
    for split, told in splits.items():
        expected = manifest.splits.get(split)
        if expected is None:
            faults.append(Discrepancy(split, "was loaded, but is no split of the release"))
        elif told["columns"] != list(manifest.columns):
            faults.append(
                Discrepancy(split, f"was loaded with columns {told['columns']}, not {list(manifest.columns)}")
            )
        elif told["rows"] != expected.rows:
            faults.append(Discrepancy(split, f"was loaded with {counted(told['rows'], 'rows')}, not {expected.rows:,}"))
        elif told["digest"] != expected.digest:
            faults.append(Discrepancy(split, _other_values(told["times"])))
    return faults
