"""The program that measures a GPU runs as it is on a processor, and says that its figures are none of a GPU."""

from typing import Any

import pytest
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel

from benchmarks import gpu

SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def small() -> Any:
    return BertModel(BertConfig(vocab_size=gpu.WORDS + len(gpu.MARKS), **SHAPE))


def large() -> Any:
    marks = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    words = gpu.WORDS + len(gpu.MARKS)
    return ModernBertModel(ModernBertConfig(vocab_size=words, global_attn_every_n_layers=1, **SHAPE, **marks))


def test_every_part_is_measured_and_named_after_its_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu"])
    monkeypatch.setattr(gpu, "REDUCED", 2_000)
    monkeypatch.setattr(gpu, "SHAPES", {"MiniLM's shape": (small, 64), "gte-large's shape": (large, 64)})

    gpu.main()

    said = capsys.readouterr().out
    assert "no figure of a GPU" in said
    for work, rows in (
        ("champions, 25 of 1024", 500),
        ("embeddings, MiniLM's shape, float32", 50),
        ("embeddings, MiniLM's shape, bfloat16", 50),
        ("embeddings, gte-large's shape, bfloat16", 2),
        ("one round", 22),
    ):
        (line,) = [line for line in said.splitlines() if work in line]
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        assert cells[1] == f"{rows:,}"
        assert float(cells[3].replace(",", "")) > 0
