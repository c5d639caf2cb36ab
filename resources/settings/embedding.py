"""Settings of the model that measures diversity."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from evergrow.resources.settings.roles import Role
from evergrow.resources.settings.section import Section


class Embedding(Section):
    """The model that measures diversity."""

    model: str = Field("all-MiniLM-L6-v2", description="name, or folder, of a sentence-transformers model")
    endpoint: str | None = Field(
        None, description="which of `endpoints` embeds, by its /embeddings; empty: this machine does"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where it runs")
    backend: Literal["auto", "torch", "onnx", "openvino"] = Field(
        "auto", description="what runs it; auto: on a CPU openvino or onnx, if installed, else torch"
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="of its products; float32 is exact, the others are faster where a device has them"
    )
    search: Literal["exact", "approximate"] = Field(
        "exact", description="of the nearest champion; approximate: by faiss, beyond millions x hundred thousands"
    )
    long: Literal["cut", "mean_of_parts"] = Field(
        "cut", description="texts of more tokens than it reads: cut, or the mean of the vectors of their parts"
    )
    batch_tokens: PositiveInt | None = Field(
        None, description="most tokens embedded at once; empty: 1024 on a CPU, 65536 on a GPU, 32768 by an endpoint"
    )
    trust_remote_code: bool = Field(
        False, description="let the model's own Python code run (gte-large-en-v1.5 needs it)"
    )

    @model_validator(mode="after")
    def _an_endpoint_cuts(self) -> Self:
        if self.endpoint is not None and self.long != "cut":
            raise ValueError("long: mean_of_parts needs tokens, of which an endpoint does not tell; set it to cut")
        return self

    def as_role(self) -> Role:
        """How an endpoint is asked for vectors: a role that writes nothing."""
        return Role(model=self.model, temperature=None, max_tokens=1, endpoint=self.endpoint or "", repair=False)
