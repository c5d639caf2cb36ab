"""Settings of roles: which model does which kind of work, and how it is asked."""

import re
from typing import Literal

from pydantic import Field, PositiveInt

from evergrow.resources.settings.section import Section

CORE_ROLES = ("generator", "judge")  # whatever grows asks these; the others only by trees
EMBEDDING = "embedding"  # asked for vectors; its settings are the section of that name
_MODEL_NAME = re.compile(r"[\w.:@+-]+(?:/[\w.:@+-]+)*", re.ASCII)


def model_name(text: str) -> str:
    """`text` if a model can be called so: it names partitions, and so folders; ValueError if not."""
    if not _MODEL_NAME.fullmatch(text) or any(set(part) == {"."} for part in text.split("/")) or len(text) > 200:
        raise ValueError("should be the name of a model: letters, digits and ._:@+- in parts separated by /")
    return text


class Role(Section):
    """Which model does a kind of work, and how it is asked."""

    model: str | None = Field(None, description="model of this role; empty: the setting `model`")
    temperature: float | None = Field(
        1.0, ge=0, le=2, description="sampling temperature; null: not sent (some models allow none)"
    )
    max_tokens: PositiveInt = Field(2048, description="most tokens an answer may have")
    endpoint: str | tuple[str, ...] = Field(
        "default", description="which of `endpoints` is asked; a list is a pool that shares the work by weight"
    )
    repair: bool = Field(True, description="ask once to mend an answer that cannot be read, quoting the fault")
    draws: int = Field(2, ge=1, le=10, description="answers drawn before a request counts as invalid, repairs aside")
    # Out of repr, and so out of the code versions of assets: how an answer is fetched does not change it.
    mode: Literal["live", "batch"] = Field(
        "live", repr=False, description="batch: through the endpoint's Batch API, within a day and at a lower price"
    )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the endpoints that serve this role."""
        return (self.endpoint,) if isinstance(self.endpoint, str) else self.endpoint


class JudgeRole(Role):
    """A role that should answer the same way twice."""

    temperature: float | None = Field(
        0.0, ge=0, le=2, description="sampling temperature; null: not sent (some models allow none)"
    )


class PartitionerRole(Role):
    """A role whose faults are fed back by the one who asks, answer by answer."""

    repair: bool = Field(False, description="ask once to mend an answer that cannot be read, quoting the fault")
    draws: int = Field(1, ge=1, le=10, description="answers drawn before a request counts as invalid, repairs aside")


class RouterRole(Role):
    """A role that chooses among given values."""

    temperature: float | None = Field(
        0.3, ge=0, le=2, description="sampling temperature; null: not sent (some models allow none)"
    )
    max_tokens: PositiveInt = Field(256, description="most tokens an answer may have")


class ResponderRole(JudgeRole):
    """A role whose answers are what a trainer reads: the best one, not a varied one."""

    max_tokens: PositiveInt = Field(4096, description="most tokens an answer may have")


class Roles(Section):
    """The kinds of work that models do.

    The generator writes children and samples, the judge scores complexity and checks attributes, the partitioner names
    dimensions and values of a tree, the router sorts texts into its nodes; the responder answers samples, the tester
    writes tests for answers that are code. The candidate answers benchmarks, to be evaluated; the two solvers answer
    samples, to measure how difficult they are.
    """

    generator: Role = Role()
    judge: JudgeRole = JudgeRole()
    partitioner: PartitionerRole = PartitionerRole()
    router: RouterRole = RouterRole()
    responder: ResponderRole = ResponderRole()
    tester: JudgeRole = JudgeRole()
    candidate: ResponderRole = ResponderRole()
    solver_strong: ResponderRole = ResponderRole()
    solver_weak: ResponderRole = ResponderRole()
