"""What a tree is to be: its space, its depth and its rows; and what is to be balanced by it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """A registered tree.

    Attributes:
        tree: its name, which is also its partition's.
        domain: name of the domain whose space it divides.
        max_depth: nodes of this depth are leaves; the root has depth 0.
        rows: samples aimed at over all leaves; None for what the leaves add up to.
        seed: where its draws start from.
        imported: digest of the `output.json` that it goes on from, if it was imported.
    """

    tree: str
    domain: str
    max_depth: int
    rows: int | None
    seed: int
    imported: str | None = None

    @property
    def shape(self) -> str:
        """What the levels depend on, as one text."""
        return f"{self.domain} {self.max_depth} {self.seed} {self.imported or '-'}"


@dataclass(frozen=True, slots=True)
class BalanceSpec:
    """What is to be balanced by a tree.

    Attributes:
        dataset: digest of the registered rows.
        origin: the file or batch that they came from.
        rows: size that the balanced dataset is to have; None for ten rows a leaf, more below lists.
        redo_from: depth from which rows are sorted anew, where an earlier routing was not to be trusted.
        redo: how often that was asked for: each time is a fresh draw.
    """

    dataset: str
    origin: str
    rows: int | None
    redo_from: int = 0
    redo: int = 0
