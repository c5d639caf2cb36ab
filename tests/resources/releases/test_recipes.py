"""Ready configurations beside an export: TRL really trains by its own, the others name what is there."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from evergrow.methods.releasing.training_recipes import FORMS, Trainer
from evergrow.resources.releases.attestation import read_public_key, read_signer
from evergrow.resources.releases.folders import FolderTaken
from evergrow.resources.releases.loading import check_loads
from evergrow.resources.releases.proof import verify_release
from evergrow.resources.releases.writing import write_release
from tests.keys import key_files
from tests.releases import facts, row, table

ROWS = table(*(row(n, content=f"Add {n} and {n}.", response=f"It is {2 * n}.") for n in range(12)),
             *(row(n, split="validation") for n in range(20, 24)))  # fmt: skip


def written(folder: Path, trainer: Trainer) -> dict[str, Any]:
    write_release(ROWS, folder, FORMS[trainer], facts(), trainer)
    return dict(yaml.safe_load((folder / f"{trainer}.yaml").read_text()))


@pytest.mark.parametrize("trainer", ["trl", "axolotl", "llama-factory"])
def test_a_recipe_is_part_of_the_release_and_has_the_papers_values(tmp_path: Path, trainer: Trainer) -> None:
    told = written(tmp_path / "r", trainer)

    assert verify_release(tmp_path / "r").faults == ()
    assert check_loads(tmp_path / "r").faults == ()
    assert told["learning_rate"] == 5e-6
    assert told.get("warmup_ratio") or told["warmup_steps"] == 0.01
    batch = told.get("per_device_train_batch_size") or told["micro_batch_size"]
    assert 8 * batch * told["gradient_accumulation_steps"] == 256
    write_release(ROWS, tmp_path / "r", FORMS[trainer], facts(), trainer)  # its own files are no foreign ones
    assert (tmp_path / "r" / told["output_dir"]).resolve() == tmp_path / "r-trained"  # nor does a model come among them


@pytest.mark.parametrize(("trainer", "name"), [("trl", "trl.yaml"), ("llama-factory", "dataset_info.json")])
def test_a_configuration_is_its_users_to_edit_and_what_trains_on_it_is_not(
    tmp_path: Path, trainer: Trainer, name: str
) -> None:
    written(tmp_path / "r", trainer)
    configuration, data = tmp_path / "r" / name, tmp_path / "r" / "train.jsonl"
    configuration.write_text("mine: 1\n")

    report = verify_release(tmp_path / "r")
    assert report.faults == ()
    assert [str(note) for note in report.notes] == [f"{name}: was changed since the export, as a configuration may be"]

    again = write_release(ROWS[:8], tmp_path / "r", FORMS[trainer], facts(), trainer)
    stays = f"{name} was edited since it was exported, and stays as it was edited; delete it to have it anew"
    assert again.notes == [stays]
    assert configuration.read_text() == "mine: 1\n"

    other = tmp_path / "r" / "other.txt"

    def beside(_: Path) -> None:
        other.write_text("mine")

    def meanwhile(_: Path) -> None:
        configuration.write_text("mine: 3\n")

    assert write_release(ROWS, tmp_path / "r", FORMS[trainer], facts(), trainer, check=meanwhile).notes == [stays]
    assert configuration.read_text() == "mine: 3\n"
    configuration.write_text("mine: 1\n")
    before = {path.name for path in (tmp_path / "r").iterdir()}
    for late in (beside, meanwhile):
        with pytest.raises(FolderTaken, match="r was changed while it was written again"):
            write_release(ROWS, tmp_path / "r", FORMS[trainer], facts(), trainer, note=late)
        assert {path.name for path in (tmp_path / "r").iterdir()} == before | (
            {other.name} if late is beside else set()
        )
        other.unlink(missing_ok=True)
    assert configuration.read_text() == "mine: 3\n"
    configuration.write_text("mine: 1\n")
    with pytest.raises(FolderTaken, match=f"{name}, which was edited"):
        write_release(ROWS, tmp_path / "r", FORMS[trainer], facts())
    assert configuration.read_text() == "mine: 1\n"

    private, public = key_files(tmp_path, "k")
    for rows in (ROWS, ROWS[:8]):  # each of them a signed export of what lies there
        signed = write_release(rows, tmp_path / "r", FORMS[trainer], facts(), trainer, read_signer(private))
        assert (signed.notes, configuration.read_text()) == ([stays], "mine: 1\n")
        report = verify_release(tmp_path / "r", None, read_public_key(public))
        assert (report.faults, report.notes) == ((), ())
    configuration.write_text("mine: 2\n")
    of_signed = verify_release(tmp_path / "r", None, read_public_key(public)).faults
    assert name in [fault.where for fault in of_signed]  # who asks for a signature asks for what was signed
    configuration.unlink()
    assert write_release(ROWS, tmp_path / "r", FORMS[trainer], facts(), trainer).notes == []
    assert "mine" not in configuration.read_text()
    data.write_bytes(data.read_bytes()[:-2])
    assert [fault.where for fault in verify_release(tmp_path / "r").faults][:1] == ["train.jsonl"]


@pytest.mark.parametrize("kept", [False, True])
def test_what_a_link_in_the_place_of_a_configuration_leads_to_comes_into_no_release(tmp_path: Path, kept: bool) -> None:
    written(tmp_path / "r", "trl")
    configuration, secret = tmp_path / "r" / "trl.yaml", tmp_path / "secret"
    before = configuration.read_bytes()
    if kept:  # an edit that an export has taken over
        configuration.write_text("mine: 1\n")
        assert write_release(ROWS, tmp_path / "r", FORMS["trl"], facts(), "trl").notes != []
    secret.write_text("token: of mine\n")
    configuration.unlink()
    configuration.symlink_to(secret)

    assert [fault.where for fault in verify_release(tmp_path / "r").faults] == ["trl.yaml"]
    again = write_release(ROWS, tmp_path / "r", FORMS["trl"], facts(), "trl")

    assert again.notes == []
    assert (configuration.is_symlink(), configuration.read_bytes()) == (False, before)
    assert verify_release(tmp_path / "r").faults == ()


def test_llama_factory_finds_every_split_by_its_name(tmp_path: Path) -> None:
    told = written(tmp_path / "r", "llama-factory")
    info = json.loads((tmp_path / "r" / "dataset_info.json").read_text())

    assert {told["dataset"], told["eval_dataset"]} == set(info)
    for entry in info.values():
        first = json.loads((tmp_path / "r" / entry["file_name"]).read_text().splitlines()[0])
        turns = first[entry["columns"]["messages"]]
        assert [turn[entry["tags"]["role_tag"]] for turn in turns] == ["human", "gpt"]


def test_axolotl_trains_on_the_assistants_turns_of_files_that_are_there(tmp_path: Path) -> None:
    told = written(tmp_path / "r", "axolotl")

    for dataset in (*told["datasets"], *told["test_datasets"]):
        first = json.loads((tmp_path / "r" / dataset["path"]).read_text().splitlines()[0])
        assert {turn["role"] for turn in first[dataset["field_messages"]]} == {"user", *dataset["roles_to_train"]}
    assert told["sequence_len"] == 4096


def test_without_a_training_split_there_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no training split"):
        write_release(table(row(1, split="test")), tmp_path / "r", "completion", facts(), "trl")
    assert not (tmp_path / "r").exists()


def tiny_model(folder: Path) -> None:
    """A random model of two layers, and a tokenizer of bytes with a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - heavy
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM  # noqa: PLC0415

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: n for n, letter in enumerate([*letters, "<|im_start|>", "<|im_end|>", "<|endoftext|>"])}
    words = Tokenizer(models.BPE(vocabulary, []))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, chat_template=template, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    ).save_pretrained(folder)  # fmt: skip
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen2Config(vocab_size=len(vocabulary) + 1, num_key_value_heads=2, max_position_embeddings=4096, **size)
    Qwen2ForCausalLM(config).save_pretrained(folder)


@pytest.mark.filterwarnings("ignore")
def test_trl_trains_three_steps_by_the_recipe_and_on_answers_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    from datasets import load_dataset  # noqa: PLC0415 - reads its environment when it is imported
    from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser  # noqa: PLC0415

    told = written(tmp_path / "r", "trl")
    tiny_model(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path / "r")
    smaller = [
        "--model_name_or_path",
        str(tmp_path / "tiny"),
        "--max_steps",
        "3",
        "--bf16",
        "False",
        "--use_cpu",
        "True",
    ]
    smaller += ["--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--report_to", "none"]
    smaller += ["--use_cpu", "True", "--output_dir", str(tmp_path / "trained")]
    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig))
    script, training, model = parser.parse_args_and_config(["--config", "trl.yaml", *smaller])
    monkeypatch.chdir(tmp_path)
    elsewhere = ["--config", "r/trl.yaml", "--dataset_name", "r", *smaller]
    assert parser.parse_args_and_config(elsewhere)[0].dataset_name == "r"
    monkeypatch.chdir(tmp_path / "r")
    loaded = load_dataset(script.dataset_name, cache_dir=str(tmp_path / "cache"))
    trainer = SFTTrainer(
        model=model.model_name_or_path, args=training, train_dataset=loaded[script.dataset_train_split],
        eval_dataset=loaded[script.dataset_test_split],
    )  # fmt: skip
    done = trainer.train()
    batch = next(iter(trainer.get_train_dataloader()))
    learnt = trainer.processing_class.decode(batch["labels"][0][batch["labels"][0] != -100])

    assert training.max_length == told["max_length"] == 4096
    assert done.global_step == 3
    assert done.training_loss > 0
    assert "It is" in learnt
    assert "Add" not in learnt
