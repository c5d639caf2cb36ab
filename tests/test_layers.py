"""What modules may import, beside the direction of imports, which `make lint` holds."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import COMMAND
from tests.conftest import LONGEST

ROOT = Path(__file__).parent.parent
LAYERS = ("methods", "resources", "assets", "flows", "sensors", "cli")
HEAVY = {
    *("torch", "sentence_transformers", "great_expectations", "transformers"),
    *("datasets", "huggingface_hub", "latex2sympy2_extended", "sympy", "py3langid"),
}


def imported(path: Path, *, at_load_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if at_load_only else list(ast.walk(tree))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {*names, *(node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module)}


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_methods_know_neither_dagster_nor_the_network_nor_the_clock() -> None:
    forbidden = {"dagster", "openai", "aiohttp", "httpx", "httpx2", "sqlalchemy", "time", "datetime", "socket"}
    for path in modules("methods"):
        wrong = {name.split(".")[0] for name in imported(path)} & forbidden
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_nothing_heavy_is_imported_at_load() -> None:
    for path in modules(*LAYERS):
        wrong = {name.split(".")[0] for name in imported(path, at_load_only=True)} & HEAVY
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong} when it is loaded"


def test_every_folder_says_what_lives_in_it() -> None:
    for path in modules(*LAYERS):
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("command", [["cost"], ["config", "show"], ["--version"]])
def test_commands_that_need_no_tables_do_not_load_dagster(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "home"))
    assert subprocess.run([*COMMAND, *command], check=False, capture_output=True).returncode == 0  # makes the home
    look = "import sys; from evergrow.cli.main import main; sys.exit(main(sys.argv[1:]) or 'dagster' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", look, *command], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_the_tests_that_take_longest_are_named_as_they_are() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
