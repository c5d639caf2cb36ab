"""What the steps of a tree will ask, before they do: how many questions of which kind, and what they look like."""

from collections.abc import Sequence

from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.dimensions import render_split
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.samples import render_adherence, render_write
from evergrow.methods.treesynth.tree_forecast import TYPICAL_FAN_OUT, VALUE_ASKS, writing_calls
from evergrow.methods.treesynth.values import render_completion
from evergrow.resources.embedding.vector_forecast import Texts
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import Work
from evergrow.resources.settings.growth import TreeSynth

# Of an answer, roughly; only while there is no history.
SAMPLE_TOKENS, SPLIT_TOKENS, ADHERENCE_TOKENS = 60, 300, 130
SAMPLE_CHARS = 400  # of a sample, roughly: prompts show samples that are not written yet


def level_works(domain: Domain, rules: TreeSynth, depth: int, nodes: int, most: int | None = None) -> list[Work]:
    """Finding the dimensions of `nodes` nodes of one depth, of `most` at most."""
    most, name = most or nodes, f"level_{depth}"
    if not most:
        return []
    calls, sample = -(-rules.pivots // rules.samples_per_call), "x" * SAMPLE_CHARS
    around = _attributes(domain, depth)
    split = render_split(domain, [sample] * rules.pivots, around, [])
    complete = render_completion(domain, around, "x" * 40, ["x" * 40] * rules.ask_until)
    divisions = rules.dimension_candidates + VALUE_ASKS
    # Below lists pivots come from several draws, each of which is a request (method.md D36).
    pivots_most = max(calls, rules.list_draws) * rules.pivot_attempts
    divisions_most = rules.dimension_candidates * rules.dimension_attempts + rules.max_asks
    asset = "treesynth/level_"
    return [
        Work(
            f"{name}/pivots", "generator", asset, nodes * calls, most * pivots_most,
            [_request("generator", render_write(domain, around, rules.samples_per_call))],
            SAMPLE_TOKENS * rules.samples_per_call,
        ),
        Work(
            f"{name}/dimensions", "partitioner", asset, nodes * divisions, most * divisions_most,
            [_request("partitioner", split), _request("partitioner", complete)], SPLIT_TOKENS,
        ),
    ]  # fmt: skip


def samples_works(
    domain: Domain, rules: TreeSynth, depth: int, calls: int, *, checks: int, most_calls: int | None = None
) -> list[Work]:
    """Writing samples in leaves of this depth by `calls` requests, and having `checks` of them checked."""
    around, sample = _attributes(domain, depth), "x" * SAMPLE_CHARS
    write = render_write(domain, around, rules.samples_per_call, [sample] * rules.samples_per_call)
    most = (calls if most_calls is None else most_calls) * rules.fill_rounds
    works = [
        Work(
            "samples", "generator", "treesynth/samples", calls, most,
            [_request("generator", write)], SAMPLE_TOKENS * rules.samples_per_call,
        ),
        Work(
            "samples/checks", "judge", "treesynth/samples", checks, checks,
            [_request("judge", render_adherence(domain, sample, around, [["x" * 40] * TYPICAL_FAN_OUT] * len(around)))],
            ADHERENCE_TOKENS,
        ),
    ]  # fmt: skip
    return [work for work in works if work.most]


def level_texts(rules: TreeSynth, depth: int, nodes: int, most: int) -> Texts:
    """The vectors of what `nodes` nodes of one depth, `most` at most, are divided by: values, and pivots where several
    dimensions are compared by them."""
    pivots, each = (rules.pivots, 1) if rules.dimension_candidates > 1 else (0, 0)
    values, most_values = TYPICAL_FAN_OUT, 2 * rules.ask_until  # asking ends beyond `ask_until`, with one answer more
    return Texts(
        f"level_{depth}/vectors", "treesynth/level_", nodes * (values + pivots), most * (most_values + pivots),
        ["x" * (SAMPLE_CHARS if pivots else 40)], (1 + nodes * each, 1 + most * each),
    )  # fmt: skip


def samples_texts(rules: TreeSynth, calls: int, most_calls: int) -> Texts:
    """The vectors that tell apart what `calls` requests for samples give, in each shard."""
    texts, most = calls * rules.samples_per_call, most_calls * rules.fill_rounds * rules.samples_per_call
    return Texts("samples/vectors", "treesynth/samples", texts, most, ["x" * SAMPLE_CHARS], (rules.shards, most_calls))


def writing_of(missing: Sequence[int], rules: TreeSynth) -> int:
    """Requests for what leaves are missing."""
    return sum(writing_calls(rows, 1, rules.samples_per_call) for rows in missing)


def _attributes(domain: Domain, depth: int) -> list[Attribute]:
    """Attributes as a node of this depth has them, in length at least."""
    stated = [domain.at(above) for above in range(depth)]
    return [
        Attribute(one.dimension, max(one.values, key=len)) if one else Attribute("x" * 40, "x" * 40) for one in stated
    ]


def _request(role: str, prompt: Rendered) -> Request:
    return Request("", role, prompt.system, prompt.user, prompt.schema)
