"""Settings of what turns samples into a dataset: answers, verification, the sandbox, cleaning, release."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from evergrow.methods.answering.tasks import Task
from evergrow.resources.settings.section import Section, Share

Verdict = Literal["pass", "fail", "timeout", "crash", "oom", "sandbox_unavailable", "unverified"]
Verdicts = tuple[Verdict, ...]


class Answers(Section):
    """How samples are answered."""

    tasks: dict[str, Task] = Field(
        {}, description="kind of task by domain, where its samples' own is not to count; none: they need no answer"
    )
    votes: int = Field(5, ge=1, le=64, description="answers drawn where their agreement verifies: maths, choice")
    vote_temperature: float = Field(0.7, ge=0, le=2, description="temperature of all of these but the first")


class Keep(Section):
    """Which verdicts go on, by kind of task."""

    code: Verdicts = Field(("pass",), description="tests decide; unverified: there are none that count")
    maths: Verdicts = Field(("pass",), description="agreement of several answers decides")
    choice: Verdicts = Field(("pass",), description="agreement of several answers decides")
    text: Verdicts = Field(("pass", "unverified"), description="nothing decides: all are unverified")


class Verification(Section):
    """How answers are verified."""

    keep: Keep = Keep()
    min_agreement: Share = Field(0.5, description="the share of answers that agree must be more than this")
    tests: int = Field(5, ge=1, le=20, description="tests asked for per answer that is code")
    test_rounds: int = Field(
        2, ge=1, le=5, description="times that tests are asked for, each time what is missing of their number"
    )
    mutants: int = Field(5, ge=1, le=50, description="broken versions of an answer that its tests are tried on")
    min_caught: Share = Field(0.5, description="share of these that tests must catch, one at least, to count")


class SandboxSettings(Section):
    """Where generated code runs, and how far it gets."""

    workers: PositiveInt | None = Field(None, description="programs run at once; empty: one per processor")
    wall_s: PositiveFloat = Field(10.0, description="longest that a program runs, seconds")
    cpu_s: PositiveInt = Field(8, description="most processor time of a program, seconds")
    memory_mb: int = Field(512, ge=64, description="most memory of a program, MiB")
    file_mb: PositiveInt = Field(16, description="largest file that a program writes, MiB")
    threads: PositiveInt = Field(32, description="most threads of a program; it starts no processes")
    output_kb: PositiveInt = Field(64, description="what is kept of a program's output, KiB; more ends it")
    packages: tuple[str, ...] | None = Field(
        None, description="third-party packages that answers may use, []: none; empty: numpy, pandas where installed"
    )
    environment: Path | None = Field(
        None, description="virtual environment of these, such as make sandbox-env builds; empty: evergrow's own"
    )


class Cleaning(Section):
    """Duplicates, contamination by benchmarks, and what no dataset should hold."""

    across_batches: bool = Field(True, description="look for duplicates in what other batches kept, too")
    shingle_words: int = Field(5, ge=1, le=20, description="words in a row that near-duplicates are compared by")
    permutations: int = Field(128, ge=16, le=512, description="length of a MinHash signature")
    minhash_similarity: float = Field(
        0.8, gt=0, le=1, description="share of shingles in common that makes two rows duplicates"
    )
    embedding_similarity: float = Field(
        0.95, gt=0, le=1, description="cosine of two instructions that makes them duplicates"
    )
    benchmarks: Path | None = Field(None, description="folder of benchmark files; empty: HOME/benchmarks")
    ngram_words: int = Field(10, ge=3, le=50, description="words in a row in common with a benchmark that reject a row")
    benchmark_similarity: float = Field(
        0.95, gt=0, le=1, description="cosine to a question of a benchmark that rejects a row"
    )
    languages: tuple[str, ...] = Field((), description="ISO 639-1 codes of languages that stay; empty: all")
    min_instruction_chars: int = Field(20, ge=0, description="shortest instruction, characters")
    max_instruction_chars: PositiveInt = Field(20_000, description="longest instruction, characters")
    min_response_chars: int = Field(1, ge=0, description="shortest answer, characters")
    max_response_chars: PositiveInt = Field(40_000, description="longest answer, characters")
    secrets: bool = Field(True, description="reject rows that hold what looks like a key or a password")
    personal_data: bool = Field(True, description="reject rows that hold e-mail addresses, telephone or card numbers")


class Release(Section):
    """Splits of a release."""

    validation_share: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.05, description="share of the roots whose samples are the validation split"
    )
    test_share: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.05, description="share of the roots whose samples are the test split"
    )
    split_seed: int = Field(42, ge=0, description="which roots these are")
    license: str | None = Field(None, description="licence of the dataset (SPDX); empty: what its seeds carry")


class Solvers(Section):
    """Difficulty measured by a strong and a weak model that try to answer, where `evolution.difficulty` asks for it."""

    rows: PositiveInt = Field(20, description="children of a round that are tried; `solvers` tries all")
    draws: int = Field(3, ge=1, le=64, description="answers of each solver to a child")
    temperature: float = Field(0.7, ge=0, le=2, description="sampling temperature of both")
    min_strong: Share = Field(0.6, description="a child that the strong one solves less often is rejected: below_gap")
    max_weak: Share = Field(0.5, description="so is one that the weak one solves more often")
    min_gap: Share = Field(0.2, description="so is one whose two pass rates are nearer to each other")


class EvaluationSettings(Section):
    """How models are evaluated on benchmarks."""

    timeout_s: PositiveFloat | None = Field(
        None, description="longest that a program may run, seconds; empty: as the benchmark's own harness has it"
    )
    first_choice: Literal[0, 1] | None = Field(
        None,
        description="where answers are places of choices, that of the first; empty: as the file tells, else 0",
    )


class PreferencePairs(Section):
    """Preference pairs that an export makes of a release."""

    min_agreement_gap: Share = Field(
        0.2, description="share of draws that agree with the better answer less that of the worse"
    )
    min_complexity_gap: float = Field(
        1.0, ge=0, le=9, description="how much harder, in points, a task is than the parent whose answer is the worse"
    )
