"""Which packages programs may import, and where they come from."""

import sys
from pathlib import Path

import pytest

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.settings.dataset import SandboxSettings as Rules
from tests.resources.sandbox.conftest import opened


def environment(folder: Path) -> Path:
    """A virtual environment with a package that needs another one, whose name is written otherwise."""
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name, needs in (("Left_Pad", ["right.pad>=1", "absent; extra == 'all'"]), ("right-pad", [])):
        module = name.lower().replace("-", "_")
        (site / module).mkdir(parents=True)
        (site / module / "__init__.py").write_text("def pad(text): return text + '.'")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
        (info / "METADATA").write_text("\n".join(lines))
        (info / "RECORD").write_text(f"{module}/__init__.py,,\n{info.name}/METADATA,,\n")
    return folder


def test_numpy_is_there_as_evergrow_has_it_and_nothing_else_of_its_environment() -> None:
    found = Packages.of(Rules(packages=("numpy",)))

    assert found.modules == ("numpy",)
    assert found.versions[0].startswith("numpy==")
    assert all(path.name.startswith("numpy") for path in found.paths)


def test_an_environment_of_their_own_is_seen_with_all_that_a_package_needs(tmp_path: Path) -> None:
    rules = Rules(packages=("left-pad",), environment=environment(tmp_path))
    sandbox = opened(rules)

    assert sandbox.packages.modules == ("left_pad",)
    assert sandbox.packages.versions == ("Left_Pad==1.0",)
    assert sandbox.run("import left_pad, right_pad\nprint(left_pad.pad('a'))").stdout == "a.\n"
    assert "ModuleNotFoundError" in sandbox.run("import numpy").stderr
    assert sandbox.run("import left_pad\nopen(left_pad.__file__, 'w')").outcome == "error"


def test_none_can_be_allowed() -> None:
    assert Packages.of(Rules(packages=())) == Packages()


def test_a_package_that_is_not_installed_is_named_with_the_remedy(tmp_path: Path) -> None:
    rules = Rules(packages=("numpy", "no-such"), environment=environment(tmp_path))

    with pytest.raises(SandboxUnavailable, match=r"names numpy, no-such, not installed in .*make sandbox-env"):
        Packages.of(rules)
