"""Settings of the model that measures diversity."""

from typing import Literal

from pydantic import Field, PositiveInt

from evergrow.resources.settings.section import Section


class Embedding(Section):
    """The model that measures diversity."""

    model: str = Field("all-MiniLM-L6-v2", description="name, or folder, of a sentence-transformers model")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where it runs")
    backend: Literal["auto", "torch", "onnx", "openvino"] = Field(
        "auto", description="what runs it; auto: on a CPU openvino or onnx, if installed, else torch"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="of its products; float32 is exact, the others are faster where a device has them"
    )
    long: Literal["cut", "mean_of_parts"] = Field(
        "cut", description="texts of more tokens than it reads: cut, or the mean of the vectors of their parts"
    )
    batch_tokens: PositiveInt | None = Field(
        None, description="most tokens embedded at once; empty: 1024 on a CPU, 65536 on a GPU"
    )
    trust_remote_code: bool = Field(
        False, description="let the model's own Python code run (gte-large-en-v1.5 needs it)"
    )
