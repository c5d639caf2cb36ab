"""Checks a release by loading it as a trainer does: with Hugging Face `datasets`, and chat through a chat template.

It happens in a process of its own (`loader`): these libraries read their environment when they are imported, keep
what they loaded in a cache, and would stay in memory. In that process they are offline, have no token, and a cache
that is removed afterwards.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evergrow.resources.releases.manifest import Manifest, read_manifest
from evergrow.resources.releases.proof import Discrepancy

LOAD_S = 3600.0  # longest that a load may take; 100,000 rows take seconds
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


def check_loads(folder: Path) -> Loaded:
    """Load the release in `folder`, and compare what was loaded with its manifest: splits, columns, every row.

    Raises:
        ManifestError: there is no manifest.
    """
    manifest = read_manifest(folder)
    with tempfile.TemporaryDirectory(prefix="evergrow-load-") as cache:
        found = _load(folder.resolve(), manifest.form if manifest.answered else "instructions", cache)
    if isinstance(found, Discrepancy):
        return Loaded({}, 0, 0, (found,))
    splits = found["splits"]
    faults = [*_compare(manifest, splits), *(Discrepancy(split, what) for split, what in found["turns"])]
    return Loaded(
        {name: told["rows"] for name, told in splits.items()}, found["rendered"], found["marked"], tuple(faults)
    )


def _load(folder: Path, form: str, cache: str) -> dict[str, Any] | Discrepancy:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRET)}
    command = [sys.executable, "-m", "evergrow.resources.releases.loader", str(folder), form]
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own
            command,
            env={**environment, **OFFLINE, "HF_HOME": cache, "TMPDIR": cache},
            capture_output=True,
            timeout=LOAD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Discrepancy(str(folder), f"was not loaded within {LOAD_S:.0f} s")
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Discrepancy(str(folder), f"cannot be loaded: {lines[-1] if lines else f'exit code {done.returncode}'}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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
            faults.append(Discrepancy(split, f"was loaded with {told['rows']:,} rows, not {expected.rows:,}"))
        elif told["digest"] != expected.digest:
            faults.append(Discrepancy(split, "was loaded with other values than were written: write parquet instead"))
    return faults
