"""Settings of what is grown: seeds, rounds, trees; where defaults are not the papers', `docs/methods.md` says why."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from evergrow.methods.evolution.judge import Judging
from evergrow.methods.evolution.synthesis import operators
from evergrow.resources.settings.section import Section, Share

MAX_ROUNDS = 20


def known_operators(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` if each is an operator of evolution, named once; ValueError if not."""
    for name in names:
        if name not in operators():
            raise ValueError(f"{name!r} is no operator; there are {', '.join(operators())}")
    if len(set(names)) < len(names):
        raise ValueError("names one operator twice")
    return names


class SeedSettings(Section):
    """What is taken as a seed."""

    max_chars: PositiveInt = Field(20_000, description="longest seed, characters")
    max_bytes: PositiveInt = Field(4_000_000_000, description="largest file of seeds, bytes when inflated")
    harvest_min_chars: PositiveInt = Field(120, description="shortest harvested function, characters")
    harvest_max_chars: PositiveInt = Field(4_000, description="longest harvested function, characters")


class Evolution(Section):
    """Tree-of-Evolution: growth and selection (method.md A.9, E.1)."""

    rounds: int = Field(3, ge=1, le=MAX_ROUNDS, description="rounds of evolution")
    children: int = Field(3, ge=1, le=64, description="children asked per parent (K)")
    min_words: PositiveInt = Field(21, description="shortest instruction kept, words")
    operators: Annotated[tuple[str, ...], AfterValidator(known_operators)] = Field(
        tuple(operators()), description="angles that siblings are told apart by, one each; empty: none, as in the paper"
    )
    lengths: tuple[Annotated[int, Field(ge=10, le=1_000)], ...] = Field(
        (50, 90, 150, 220), description="about how many words, one length a sibling; empty: 40 to 300, as it comes"
    )
    show_nearest: bool = Field(True, description="show the generator how the nearest task of another tree begins")
    judging: Judging = Field(
        "by_criterion",
        description="flags and one number a criterion; one number for all, the paper's; or a place among examples",
    )
    readings: int = Field(1, ge=1, le=5, description="times that the judge reads a child, whose score is their mean")
    difficulty: Literal["judge", "solvers", "both"] = Field(
        "judge", description="who says how difficult a child is; both: solvers may reject what the judge has scored"
    )
    min_complexity: float | None = Field(
        None, ge=1, le=10, description="a child below this has no children and is not collected; empty: any goes on"
    )
    min_diversity: Share | None = Field(None, description="likewise for its diversity")
    min_value: float | None = Field(None, ge=1, le=20, description="likewise for its value")
    selection_order: tuple[Literal["margin", "beam"], Literal["margin", "beam"]] = Field(
        ("margin", "beam"), description="which selection rule comes first"
    )
    margin: float = Field(0.0, ge=-10, le=10, description="a child's value must reach its parent's plus this")
    beam: float = Field(0.75, gt=0, le=1, description="share of children that continues, best value first")
    beam_scope: Literal["global", "tree"] = Field("global", description="beam over the batch, or within each tree")
    intra_tree_min_distance: Share = Field(
        0.1, description="collected samples of one tree and round are farther apart than this (1 - cosine)"
    )
    target_rows: PositiveInt = Field(75_000, description="rows to collect: the best over all rounds")


class TreeSynth(Section):
    """TreeSynth: how a tree grows, and how large it may get (method.md B.2, B.15)."""

    domains: Path | None = Field(None, description="folder of your own domain files; empty: only those that ship along")
    max_depth: int = Field(4, ge=1, le=12, description="deepest level of any tree; the root is level 0")
    seed: int = Field(42, ge=0, le=9_999, description="where a new tree's draws start from")
    write_temperature: float | None = Field(
        None, ge=0, le=2, description="temperature of pivots and samples; empty: roles.generator.temperature"
    )
    complete_temperature: float | None = Field(
        None, ge=0, le=2, description="temperature of further values; empty: roles.partitioner.temperature"
    )
    pivots: int = Field(10, ge=2, le=50, description="samples that a node's dimension is found from")
    pivot_attempts: PositiveInt = Field(3, description="rounds of asking until a node has its pivots")
    list_draws: PositiveInt = Field(5, description="values drawn for the pivots of a node below a list-valued one")
    dimension_attempts: PositiveInt = Field(5, description="answers drawn until one dimension is valid")
    dimension_candidates: int = Field(1, ge=1, le=8, description="dimensions found, of which the clearest is taken")
    ask_until: PositiveInt = Field(50, description="more values than this end the asking for more")
    max_asks: PositiveInt = Field(12, description="most questions for the values of one dimension")
    infinite_over: int = Field(50, ge=2, description="more values than this make one list-valued node")
    merge_similarity: Share = Field(0.92, description="values whose cosine reaches this are one value")
    samples_per_call: int = Field(10, ge=1, le=50, description="samples asked for in one request")
    sample_similarity: float = Field(
        0.95,
        gt=0,
        le=1,
        description="samples of a tree whose cosine reaches this repeat each other; 1: only equal words do",
    )
    sets_per_list: PositiveInt = Field(10, description="a leaf's rows are multiplied by this for each list on its path")
    leaf_weights: Literal["sets", "equal"] = Field(
        "sets", description="how a target is shared out: by each leaf's own number of rows, or to all alike"
    )
    fill_rounds: PositiveInt = Field(4, description="rounds of asking until a leaf has its rows")
    shards: int = Field(4, ge=1, le=64, description="partitions of a tree's samples")
    adherence_rows: int = Field(12, ge=0, description="samples per shard whose attributes the judge checks")
    max_nodes: PositiveInt = Field(100_000, description="most nodes on one level")
    max_leaves: PositiveInt = Field(20_000, description="most leaves that a tree may be heading for")
    max_rows: PositiveInt = Field(200_000, description="most samples that a tree may be heading for")
    max_requests: PositiveInt = Field(500_000, description="most requests that a tree may still need")
    max_tokens: PositiveInt | None = Field(None, description="most tokens that a tree may still need; empty: any")
    max_usd: PositiveFloat | None = Field(None, description="most US dollars that a tree may still need; empty: any")
