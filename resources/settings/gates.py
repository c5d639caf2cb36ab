"""Thresholds of the quality gates: what a partition must satisfy before anything may read it."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt

from evergrow.resources.settings.measures import MeasureBounds, RoundBounds, SetBounds, of_leaves, of_rounds
from evergrow.resources.settings.section import Section, Share

Score = Annotated[float, Field(ge=1, le=10)]


class InstructionsGate(Section):
    """Thresholds of the gate on `instructions`."""

    min_answered_share: Share = Field(0.9, description="share of the requests that were answered, or refused")


class CollectedGate(Section):
    """Thresholds of the gate on `collected`."""

    min_rows: PositiveInt = Field(1, description="fewest samples that are collected")
    measures: Annotated[dict[str, RoundBounds], BeforeValidator(of_rounds)] = Field(
        {}, description="bounds of measures of the whole collection; `before` is the last round"
    )


class ComplexityGate(Section):
    """Thresholds of the gate on `complexity`."""

    min_scored_share: Share = Field(0.95, description="share of children that the judge could score")
    min_mean: Score = Field(3.0, description="lowest mean complexity of a round")
    min_std: float = Field(0.1, ge=0, description="lowest spread: a judge that gives one score to all judges nothing")
    max_drop: float = Field(0.5, ge=0, description="how far the mean may fall below the previous round's")
    max_unfit_share: Share = Field(0.5, description="share of children that are ill posed, unsolvable or undecidable")


class DiversityGate(Section):
    """Thresholds of the gate on `diversity`."""

    min_mean: Share = Field(0.2, description="lowest mean diversity of a round")
    min_p10: Share = Field(0.05, description="lowest 10 % quantile of diversity")
    # Diversity falls as a batch grows, whatever is in it: these two compare at the same number of trees.
    min_ratio_to_seeds: float = Field(
        0.6, ge=0, description="lowest mean diversity, as a share of what the batch's own seeds reach"
    )
    min_ratio_to_previous: float = Field(
        0.7, ge=0, description="lowest value of that share, as one of the last round's"
    )


class DifficultyGate(Section):
    """Thresholds of the gate on `difficulty`, where solvers measure it."""

    min_measured_share: Share = Field(0.5, description="share of the children tried whose difficulty could be measured")
    min_rank_correlation: float = Field(
        0.0, ge=-1, le=1, description="rank correlation of judged complexity with what is measured; less is a warning"
    )


class AcceptedGate(Section):
    """Thresholds of the gate on `accepted`."""

    min_rows: PositiveInt = Field(1, description="fewest rows that a round must accept")
    min_share: Share = Field(0.05, description="lowest share of requested children that is accepted")
    max_copy_share: Share = Field(0.5, description="share of children that only copy another, or their parent")
    measures: Annotated[dict[str, RoundBounds], BeforeValidator(of_rounds)] = Field(
        {}, description="bounds of measures of all accepted rows of a round, such as novelsum: {min: 0.3}"
    )


class LevelGate(Section):
    """Thresholds of the gate on each level of a tree."""

    max_failed_share: Share = Field(0.0, description="share of nodes for which no answer came, as in an outage")
    max_fan_out: PositiveInt = Field(50, description="most children of one node; a list-valued child counts as one")
    max_value_similarity: Share = Field(0.97, description="cosine of the two most similar values of one split")


class SamplesGate(Section):
    """Thresholds of the gate on a tree's samples."""

    min_fill: Share = Field(1.0, description="share of the rows aimed at that must be there")
    min_adherence: Share | None = Field(
        0.6, description="mean share of its leaf's attributes that a checked sample has; empty: none is asked for"
    )
    min_planted_found: Share | None = Field(
        0.5, description="share of planted wrong attributes that the judge finds; fewer are a warning; empty: any"
    )
    measures: Annotated[dict[str, MeasureBounds], BeforeValidator(of_leaves)] = Field(
        {}, description="bounds of measures of the whole tree, judged with its last shard"
    )


class RoutingGate(Section):
    """Thresholds of the gate on `routed`."""

    max_unrouted_share: Share = Field(0.2, description="share of rows that find no way down the tree")


class BalancedGate(Section):
    """Thresholds of the gate on `balanced`."""

    min_fill: Share = Field(1.0, description="share of the rows aimed at that must be there")


class AwareGate(Section):
    """Thresholds of the gate on `aware`."""

    max_failed_share: Share = Field(0.2, description="share of stories that could not be converted")


class ResponsesGate(Section):
    """Thresholds of the gate on `dataset/responses`."""

    max_failed_share: Share = Field(0.05, description="share of samples for which no usable answer came")


class VerifiedGate(Section):
    """Thresholds of the gate on `dataset/verified`."""

    min_rows: int = Field(1, ge=0, description="fewest rows whose verdict goes on")
    min_share: Share = Field(0.05, description="lowest share of the answered rows whose verdict goes on")
    max_unavailable_share: Share = Field(0.0, description="share of rows that had no sandbox to run in")


class CleanGate(Section):
    """Thresholds of the gate on `dataset/clean`."""

    min_rows: int = Field(1, ge=0, description="fewest rows that are clean")
    min_share: Share = Field(0.05, description="lowest share of the verified rows that is clean")
    max_judge_addressing_share: Share = Field(
        0.1, description="share of the clean rows, of ten at least, whose instruction speaks to whoever judges it"
    )


class ReleaseGate(Section):
    """Thresholds of the gate on `dataset/release`."""

    min_rows: PositiveInt = Field(1, description="fewest rows of a release")
    measures: Annotated[dict[str, SetBounds], BeforeValidator(of_rounds)] = Field(
        {}, description="bounds of measures of all released instructions"
    )


class JudgeGate(Section):
    """Thresholds of the gate on `trust/judge`, the calibration of a judge on planted tasks."""

    required: bool = Field(False, description="a round is judged only by a judge whose calibration has passed")
    min_rank_correlation: float = Field(
        0.9, ge=-1, le=1, description="lowest rank correlation of its scores with the known order"
    )
    max_retest_change: float = Field(0.5, ge=0, le=9, description="mean distance of two scores of one task, points")
    max_injection_gain: float = Field(
        0.0, ge=-9, le=9, description="by how much words that address the judge may raise a score, points"
    )
    max_unread: int = Field(0, ge=0, description="most readings that may fail")


class Gates(Section):
    """Quality gates: what a partition must satisfy before anything may read it."""

    instructions: InstructionsGate = InstructionsGate()
    complexity: ComplexityGate = ComplexityGate()
    diversity: DiversityGate = DiversityGate()
    difficulty: DifficultyGate = DifficultyGate()
    accepted: AcceptedGate = AcceptedGate()
    collected: CollectedGate = CollectedGate()
    level: LevelGate = LevelGate()
    samples: SamplesGate = SamplesGate()
    routed: RoutingGate = RoutingGate()
    balanced: BalancedGate = BalancedGate()
    aware: AwareGate = AwareGate()
    responses: ResponsesGate = ResponsesGate()
    verified: VerifiedGate = VerifiedGate()
    clean: CleanGate = CleanGate()
    release: ReleaseGate = ReleaseGate()
    judge: JudgeGate = JudgeGate()
