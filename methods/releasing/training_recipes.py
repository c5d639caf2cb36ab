"""Ready configurations to train on an export, with the hyper-parameters of Tree-of-Evolution (method.md E.1, App. C).

Maximum length 4,096, batch of 256, two epochs, learning rate 5e-6 on a cosine with 1 % warm-up, loss on answers only.
The paper trains Qwen2.5-Coder base models on eight devices; a batch is 8 devices x 4 rows x 8 steps of accumulation.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Literal

import yaml

from evergrow.methods.releasing.formats import Form

Trainer = Literal["trl", "axolotl", "llama-factory"]
MODEL = "Qwen/Qwen2.5-Coder-7B"
LENGTH, EPOCHS, RATE, WARM_UP, SCHEDULE = 4_096, 2, 5e-6, 0.01, "cosine"
ROWS_A_DEVICE, ACCUMULATED, DEVICES = 4, 8, 8
FORMS: Mapping[Trainer, Form] = {"trl": "completion", "axolotl": "chat", "llama-factory": "sharegpt"}
DATASET_INFO = "dataset_info.json"
CONFIGURATIONS = frozenset({*(f"{trainer}.yaml" for trainer in FORMS), DATASET_INFO})  # who trains may edit them
_HEAD = """\
# Made by `evergrow export --recipe {trainer}`. Its paths are those of this folder, so run it there:
#   {command}
# {elsewhere}
# Tree-of-Evolution's values; a batch is {batch} rows = {devices} devices x {rows} x {steps}: change the last two with
# the number of devices.
"""
_COMMANDS: Mapping[Trainer, str] = {
    "trl": "trl sft --config trl.yaml",
    "axolotl": "axolotl train axolotl.yaml",
    "llama-factory": "llamafactory-cli train llama-factory.yaml",
}


_ELSEWHERE: Mapping[Trainer, str] = {
    "trl": "From elsewhere, or once the folder has another name: trl sft --config PATH/trl.yaml --dataset_name PATH",
    "axolotl": "From elsewhere it finds no data: give the `path` of each dataset as it is from there.",
    "llama-factory": "From elsewhere: llamafactory-cli train PATH/llama-factory.yaml dataset_dir=PATH",
}


def train_command(trainer: Trainer, folder: Path) -> str:
    """What trains on an export, for a shell."""
    return f"cd {shlex.quote(str(folder))} && {_COMMANDS[trainer]}"


def trainer_of(names: AbstractSet[str]) -> Trainer | None:
    """Whose configuration is among the files of an export; None if nobody's is."""
    return next((trainer for trainer in FORMS if f"{trainer}.yaml" in names), None)


def recipe_files(trainer: Trainer, folder: str, files: Mapping[str, str]) -> dict[str, bytes]:
    """The files to put beside an export, by name.

    Args:
        trainer: whose.
        folder: the name of the export's folder.
        files: the export's data files, by split; "train" is needed, "validation" is evaluated on where there is one.

    Raises:
        ValueError: there is no training split.
    """
    if "train" not in files:
        raise ValueError("there is no training split to make a recipe for: export rows of the split 'train'")
    made: dict[str, bytes] = {}
    if trainer == "llama-factory":
        made[DATASET_INFO] = (json.dumps(_dataset_info(files), indent=2) + "\n").encode()
    head = _HEAD.format(
        trainer=trainer,
        command=_COMMANDS[trainer],
        elsewhere=_ELSEWHERE[trainer],
        batch=ROWS_A_DEVICE * ACCUMULATED * DEVICES,
        devices=DEVICES,
        rows=ROWS_A_DEVICE,
        steps=ACCUMULATED,
    )
    text = yaml.safe_dump(_MAKERS[trainer](folder, files), sort_keys=False, allow_unicode=True)
    return {**made, f"{trainer}.yaml": (head + text).encode()}


def _trl(folder: str, files: Mapping[str, str]) -> dict[str, Any]:
    evaluated = {"dataset_test_split": "validation", "eval_strategy": "epoch"} if "validation" in files else {}
    return {
        "model_name_or_path": MODEL,
        "dataset_name": f"../{folder}",  # this folder: `datasets` takes no "."
        "dataset_train_split": "train",
        **evaluated,
        "completion_only_loss": True,
        "max_length": LENGTH,
        "packing": False,
        **_shared(),
        "warmup_steps": WARM_UP,  # below 1 it is a share of all steps: transformers 5 has no ratio any more
        "output_dir": _beside(folder),
    }


def _axolotl(folder: str, files: Mapping[str, str]) -> dict[str, Any]:
    def dataset(split: str) -> dict[str, Any]:
        return {
            "path": files[split],
            "ds_type": "json",
            "split": "train",
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        }

    evaluated = {"test_datasets": [dataset("validation")], "evals_per_epoch": 1} if "validation" in files else {}
    return {
        "base_model": MODEL,
        "datasets": [dataset("train")],
        **evaluated,
        "chat_template": "tokenizer_default",
        "train_on_inputs": False,
        "sequence_len": LENGTH,
        "sample_packing": False,
        "num_epochs": EPOCHS,
        "micro_batch_size": ROWS_A_DEVICE,
        "gradient_accumulation_steps": ACCUMULATED,
        "learning_rate": RATE,
        "lr_scheduler": SCHEDULE,
        "warmup_ratio": WARM_UP,
        "optimizer": "adamw_torch",
        "bf16": "auto",
        "gradient_checkpointing": True,
        "output_dir": _beside(folder),
    }


def _llama_factory(folder: str, files: Mapping[str, str]) -> dict[str, Any]:
    evaluated = {"eval_dataset": _name("validation"), "eval_strategy": "epoch"} if "validation" in files else {}
    return {
        "model_name_or_path": MODEL,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "dataset_dir": ".",
        "dataset": _name("train"),
        **evaluated,
        "template": "qwen",
        "cutoff_len": LENGTH,
        "train_on_prompt": False,
        **_shared(),
        "warmup_ratio": WARM_UP,
        "output_dir": _beside(folder),
    }


def _beside(folder: str) -> str:
    """Where a trained model goes: an export that holds files of others could not be written again by a takedown."""
    return f"../{folder}-trained"


def _shared() -> dict[str, Any]:
    """What transformers' trainer is told under the same names."""
    return {
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": ROWS_A_DEVICE,
        "gradient_accumulation_steps": ACCUMULATED,
        "learning_rate": RATE,
        "lr_scheduler_type": SCHEDULE,
        "bf16": True,
        "gradient_checkpointing": True,
        "logging_steps": 10,
        "save_strategy": "epoch",
    }


def _dataset_info(files: Mapping[str, str]) -> dict[str, Any]:
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    return {
        _name(split): {
            "file_name": file,
            "formatting": "sharegpt",
            "columns": {"messages": "conversations"},
            "tags": tags,
        }
        for split, file in files.items()
    }


def _name(split: str) -> str:
    return f"evergrow_{split}"


_MAKERS: Mapping[Trainer, Callable[[str, Mapping[str, str]], dict[str, Any]]] = {
    "trl": _trl,
    "axolotl": _axolotl,
    "llama-factory": _llama_factory,
}
