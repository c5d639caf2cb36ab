"""A model's encoder run by ONNX Runtime or OpenVINO instead of torch: the same weights, tokens and pooling.

Sentence-transformers offers both through `optimum`, which cannot be installed beside the transformers and
huggingface-hub that this project needs. What it would do is little: the encoder is traced, compiled, and put in the
place of the one that torch runs.
"""

import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evergrow.resources.embedding.local_models import EmbedderError

if TYPE_CHECKING:
    import torch

PACKAGES = {"onnx": ("onnxruntime", "onnx"), "openvino": ("openvino",)}
NAMES = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
TRACED = (2, 16)  # texts and tokens of the example that is traced; both stay free
OPSET = 17
Run = Callable[[list[np.ndarray]], np.ndarray]


def installed(backend: str) -> bool:
    """Whether what the backend needs is at hand."""
    return all(importlib.util.find_spec(package) for package in PACKAGES[backend])


def replace_encoder(model: Any, name: str, backend: str, precision: str) -> None:  # noqa: ANN401 - the library has no types
    """Let `backend` run the encoder of a sentence-transformers model.

    Raises:
        EmbedderError: it is not installed, or cannot run this model.
    """
    import torch  # noqa: PLC0415 - takes seconds

    if not installed(backend):
        raise EmbedderError(
            f"embedding.backend is {backend}, which is not installed; `pip install evergrow[{backend}]`, "
            "or set embedding.backend: torch"
        )
    encoder = getattr(model[0], "model", None)
    if not isinstance(encoder, torch.nn.Module) or not hasattr(encoder, "config"):
        raise EmbedderError(f"embedding.backend {backend} cannot run {name!r}, which is no encoder; set it to torch")
    example = dict.fromkeys(("input_ids", "attention_mask"), torch.ones(TRACED, dtype=torch.int64))
    if "token_type_ids" in model.tokenizer.model_input_names:
        example["token_type_ids"] = torch.zeros(TRACED, dtype=torch.int64)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing, about branches that lengths of texts do not take
            build = _openvino if backend == "openvino" else _onnx
            run = build(_traceable(encoder.eval(), list(example)), example, precision)
    except Exception as error:  # tracing runs the model's own code
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EmbedderError(f"embedding.backend {backend} cannot run {name!r}: {why}; set it to torch") from error
    model[0].model = _compiled(run, list(example), encoder.config)


def _traceable(encoder: "torch.nn.Module", names: list[str]) -> "torch.nn.Module":
    """An encoder that returns one tensor."""
    import torch  # noqa: PLC0415 - takes seconds

    class Traceable(torch.nn.Module):  # type: ignore[misc]  # torch is not read by the checker
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
        ) -> torch.Tensor:
            given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
            return self.encoder(**{name: given[name] for name in names})[0]

    return Traceable()


def _compiled(run: Run, names: list[str], config: Any) -> "torch.nn.Module":  # noqa: ANN401 - the library has no types
    """What stands where the encoder stood: tokens in, the last hidden state out.

    Args:
        run: the compiled graph: int64 arrays (texts, tokens) to float32 (texts, tokens, width).
        names: of its inputs.
        config: the encoder's own.
    """
    import torch  # noqa: PLC0415 - takes seconds
    from transformers.modeling_outputs import BaseModelOutput  # noqa: PLC0415 - takes seconds

    class Compiled(torch.nn.Module):  # type: ignore[misc]  # torch is not read by the checker
        def __init__(self) -> None:
            super().__init__()
            self.config = config

        def forward(self, **features: Any) -> BaseModelOutput:  # noqa: ANN401 - as the library calls it
            given = {"token_type_ids": torch.zeros_like(features["input_ids"]), **features}
            found = run([np.ascontiguousarray(given[name].cpu().numpy()) for name in names])
            return BaseModelOutput(last_hidden_state=torch.from_numpy(found))

    return Compiled()


def _onnx(encoder: "torch.nn.Module", example: dict[str, "torch.Tensor"], precision: str) -> Run:
    import onnxruntime  # noqa: PLC0415 - an extra
    import torch  # noqa: PLC0415 - takes seconds

    if precision != "float32":
        raise ValueError(f"it computes float32, and embedding.precision is {precision}")
    free = {name: {0: "texts", 1: "tokens"} for name in (*example, "hidden")}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Threads that wait in a loop take the processor from whoever else works on this machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        torch.onnx.export(
            encoder,
            tuple(example.values()),
            str(path),
            input_names=list(example),
            output_names=["hidden"],
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        found: np.ndarray = session.run(["hidden"], dict(zip(example, inputs, strict=True)))[0]
        return found

    return run


def _openvino(encoder: "torch.nn.Module", example: dict[str, "torch.Tensor"], precision: str) -> Run:
    import openvino  # noqa: PLC0415 - an extra
    import torch  # noqa: PLC0415 - takes seconds
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    # `openvino.convert_model` does the same, and reports its use to its makers.
    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(encoder, example_input=example)  # must outlive the conversion
    graph = frontend.convert(frontend.load(decoder))
    settings = {"INFERENCE_PRECISION_HINT": NAMES[precision], "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        request.infer(dict(zip(example, inputs, strict=True)))
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    return run
