"""Every setting: type, range, default. `docs/methods.md` says where defaults are not the papers', and why."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt

from evergrow.methods.evolution.judge import Judging
from evergrow.methods.evolution.synthesis import operators
from evergrow.resources.settings.section import Section, Share


def http_url(text: str) -> str:
    """`text` if it is the address of an HTTP server; ValueError if not."""
    parts = urlsplit(text)  # its `port` raises ValueError if it is none
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or any(map(str.isspace, text)):
        raise ValueError("should be a URL such as http://127.0.0.1:8000/v1")
    return text


def known_operators(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` if each is an operator of evolution, named once; ValueError if not."""
    for name in names:
        if name not in operators():
            raise ValueError(f"{name!r} is no operator; there are {', '.join(operators())}")
    if len(set(names)) < len(names):
        raise ValueError("names one operator twice")
    return names


MAX_ROUNDS = 20
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


CORE_ROLES = ("generator", "judge")  # whatever grows asks these; the others only by trees


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


class Endpoint(Section):
    """A server that speaks the OpenAI chat-completions protocol."""

    kind: Literal["openai", "azure", "embedded"] = Field(
        "openai", description="protocol; `embedded`: the small model that ships along"
    )
    base_url: Annotated[str, AfterValidator(http_url)] | None = Field(
        None, description="empty: OPENAI_BASE_URL, or OpenAI itself"
    )
    api_key_env: str = Field("OPENAI_API_KEY", description="name of the environment variable that holds the key")
    api_version: str = Field("2024-10-21", description="azure: version of its API")
    model: str | None = Field(None, description="what it calls the model (azure: the deployment); empty: as the role")
    answers: Literal["auto", "json_schema", "json_object", "text"] = Field(
        "auto", description="how it is held to a schema; auto: found out once"
    )
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="name of the parameter that bounds an answer (reasoning models: the second)"
    )
    send_seed: bool = Field(True, description="send a child's slot as `seed`: deterministic servers need it")
    weight: PositiveFloat = Field(1.0, description="share of a pool's requests while all of it has room")
    concurrency: PositiveInt = Field(64, description="most requests in flight; fewer while the server refuses many")
    requests_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    input_tokens_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    output_tokens_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    timeout_s: PositiveFloat = Field(120.0, description="deadline of one attempt, seconds")
    attempts: PositiveInt = Field(6, description="tries per request before it counts as failed, rate limits aside")
    deadline_s: PositiveFloat = Field(900.0, description="longest that one request is tried, rate limits included")
    batch_requests: int = Field(50_000, ge=1, le=50_000, description="most requests of one submission to its Batch API")
    batch_bytes: int = Field(
        200_000_000, ge=100_000, le=200_000_000, description="largest file of one submission to its Batch API"
    )
    patience_s: PositiveFloat = Field(
        300.0, description="a run ends when nothing was answered for this long beyond the deadline of an attempt"
    )


class EmbeddedModel(Section):
    """The llama.cpp server that is started when no endpoint is set."""

    gguf: Path | None = Field(None, description="weights of your own; empty: SmolLM2-135M-Instruct")
    # One slot is fastest on few cores: children of one parent come one after the other and share the parent's prompt.
    slots: PositiveInt = Field(1, description="requests answered at once")
    context: int = Field(4096, ge=512, description="tokens of prompt and answer per request")
    threads: PositiveInt | None = Field(None, description="empty: processors - 1")


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


class Seeds(Section):
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
        "by_criterion", description="flags and one number a criterion, or one number for all: the paper's `overall`"
    )
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


def _written(value: object) -> object:
    """A date that YAML has read as one, as it was written."""
    return value.isoformat() if isinstance(value, date) else value


class Price(Section):
    """What a model costs, in US dollars per million tokens."""

    input: float = Field(ge=0, description="tokens of the prompt")
    output: float = Field(ge=0, description="tokens of the answer")
    cached_input: float | None = Field(None, ge=0, description="prompt tokens that the server had cached; empty: input")
    as_of: Annotated[str | None, BeforeValidator(_written)] = Field(
        None, description="date of the price list, kept beside each cost"
    )
    batch_factor: Share = Field(0.5, description="what the Batch API takes of these prices")


class Limits(Section):
    """What may be spent; empty: no limit."""

    max_tokens: PositiveInt | None = Field(None, description="input and output tokens")
    max_usd: PositiveFloat | None = Field(None, description="US dollars; needs a price for every model used")


class Budget(Limits):
    """Spending limits: of one batch over all its runs, of one run, and of all runs of a calendar month (UTC)."""

    run: Limits = Limits()
    month: Limits = Limits()


class Observability(Section):
    """Files for other programs to watch, and a collector to tell; none by default."""

    events: Path | None = Field(None, description="JSON lines: each retry, failure and change of an endpoint's state")
    metrics: Path | None = Field(
        None, description="counters in Prometheus's text format, added up over all processes and runs"
    )
    openlineage_url: Annotated[str, AfterValidator(http_url)] | None = Field(
        None, description="an OpenLineage collector (Marquez, DataHub): told of each run's tables, columns, rows, gates"
    )
    openlineage_namespace: str = Field("evergrow", description="the namespace of its jobs and datasets")
    openlineage_key_env: str = Field(
        "OPENLINEAGE_API_KEY", description="name of the environment variable that holds its key, if it wants one"
    )


class Sensors(Section):
    """The sensors: files in the inbox, next rounds, and answers of the Batch API."""

    interval_s: PositiveInt = Field(15, description="seconds between two looks")
    inbox_settle_s: float = Field(2.0, ge=0, description="a file is read once unchanged for this long, seconds")
    automate: Literal["none", "rounds", "release"] = Field(
        "none",
        description="how far sensors take a batch or tree that is registered now: nowhere, through its rounds "
        "and levels, or to a release; see `evergrow recipe set`",
    )
    inbox: Literal["seeds", "rounds", "release"] = Field(
        "seeds", description="how far they take what the inbox brings: registered and loaded only, or further"
    )
    retries: int = Field(3, ge=0, description="times that a sensor asks again, after growing pauses, for what failed")
    batches_interval_s: PositiveInt = Field(60, description="seconds between two looks at submissions to a Batch API")


AlertKind = Literal["failed_run", "closed_gate", "reached_budget", "stalled"]


class Alerts(Section):
    """Messages to a webhook or to Slack when something needs a person; none is sent by default."""

    events: tuple[AlertKind, ...] = Field((), description="what is told, such as [failed_run, stalled]")
    webhook_env: str = Field(
        "ALERTS_WEBHOOK", description="name of the environment variable that holds the address, which is a secret"
    )
    form: Literal["json", "slack"] = Field(
        "json", description="json: kind, owner, words, job, run_id, text; slack: text alone"
    )
    stalled_h: PositiveFloat = Field(
        24.0, description="hours without a new table after which an automated batch or tree counts as stalled"
    )
