"""Which rows of a release are wanted: one pool, many datasets, none of which costs a request."""

from dataclasses import dataclass

import polars as pl

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Conditions that a row must meet, all of them; what is empty or None asks for nothing.

    A row that does not say what is asked for is not wanted: no complexity lies in no band. The one exception is the
    word "unknown", which in any list of words stands for rows that do not say.

    Attributes:
        rounds: numbers of rounds; samples that a tree wrote itself have none.
        min_complexity: lowest complexity, 1 to 10.
        max_complexity: highest complexity, 1 to 10.
        domains: names of domains.
        verdicts: of the verification.
        batches: names of batches.
        splits: train, validation, test.
        licences: of the seeds, as they name them.
        reasoning: answers are wanted with what the model thought before them; that chooses no rows.
    """

    rounds: tuple[int, ...] = ()
    min_complexity: float | None = None
    max_complexity: float | None = None
    domains: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    reasoning: bool = False

    def expr(self) -> pl.Expr:
        """The condition on a release's rows: true or false, never null."""
        conditions = [pl.lit(value=True)]
        if self.rounds:
            conditions.append(pl.col("round").is_in(self.rounds))
        if self.min_complexity is not None:
            conditions.append(pl.col("complexity") >= self.min_complexity)
        if self.max_complexity is not None:
            conditions.append(pl.col("complexity") <= self.max_complexity)
        conditions += [pl.col(column).fill_null(UNKNOWN).is_in(words) for column, words in self._words() if words]
        return pl.all_horizontal(condition.fill_null(value=False) for condition in conditions)

    def describe(self) -> str:
        """The conditions in words, for a card; "all rows" if there are none."""
        parts = [f"rounds {', '.join(map(str, self.rounds))}"] if self.rounds else []
        low, high = self.min_complexity, self.max_complexity
        if low is not None and high is not None:
            parts.append(f"complexity {low:g} to {high:g}")
        elif low is not None:
            parts.append(f"complexity {low:g} or more")
        elif high is not None:
            parts.append(f"complexity {high:g} or less")
        parts += [f"{column} {', '.join(words)}" for column, words in self._words() if words]
        told = ["answers with their reasoning"] if self.reasoning else []
        return "; ".join([*(parts or ["all rows"]), *told])

    def _words(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (
            ("domain", self.domains),
            ("verdict", self.verdicts),
            ("batch", self.batches),
            ("split", self.splits),
            ("license", self.licences),
        )
