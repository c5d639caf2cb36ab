"""The serving script: what it starts vLLM with, and what it tells a user to set. vLLM itself is not started."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = ROOT / "deploy" / "serve.sh"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for the PATH, with a program called vllm that prints what it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "vllm").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (folder / "vllm").chmod(0o755)
    return folder


def serve(*arguments: str, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, **variables}
    return subprocess.run([SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_a_model_is_served_over_all_gpus_with_what_evergrow_needs(programs: Path, tmp_path: Path) -> None:
    template = tmp_path / "own.jinja"
    template.write_text("")
    said = serve(
        "meta/llama", "--quantization", "fp8", path=f"{programs}:{os.environ['PATH']}", GPUS="4", PORT="9000",
        CHAT_TEMPLATE=str(template), VLLM_API_KEY="sk-secret-1",
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    given = said.stdout.split()
    assert given[:2] == ["serve", "meta/llama"]
    options = dict(zip(given[2::2], given[3::2], strict=True))
    assert options["--tensor-parallel-size"] == "4"
    assert options["--port"] == "9000"
    assert options["--host"] == "127.0.0.1"
    assert options["--chat-template"] == str(template)
    assert options["--quantization"] == "fp8"
    assert "export OPENAI_BASE_URL=http://127.0.0.1:9000/v1 OPENAI_API_KEY=$VLLM_API_KEY" in said.stderr
    assert f"EVERGROW_ENDPOINTS__DEFAULT__CONCURRENCY={options['--max-num-seqs']}" in said.stderr
    assert "sk-secret-1" not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ((), {}, "name the model"),
        (("--port", "1"), {}, "name the model first, before --port"),
        (("m",), {"GPUS": "two"}, "GPUS=two is no number"),
        (("m",), {"GPUS": "0"}, "set GPUS"),
        (("m",), {"GPUS": "1", "CHAT_TEMPLATE": "/nowhere.jinja"}, "CHAT_TEMPLATE names no file: /nowhere.jinja"),
    ],
)
def test_wrong_use_is_one_message(
    programs: Path, arguments: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    said = serve(*arguments, path=f"{programs}:/usr/bin:/bin", **variables)

    assert said.returncode == 2
    assert words in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_machine_without_vllm_says_how_to_get_it() -> None:
    said = serve("m", path="/usr/bin:/bin", GPUS="1")

    assert said.returncode == 2
    assert "pip install vllm" in said.stderr
