"""What an asset looked up itself is noted, and found changed or not."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from evergrow.resources.lake.lake import Lake, LakeIOManager
from evergrow.resources.lake.readable import GateClosed, Outdated
from evergrow.resources.lake.versions import inputs, latest_materialization, looked_up, note

PARTS = dg.DynamicPartitionsDefinition(name="part")
SOURCE, SUM = dg.AssetKey(["x", "source"]), dg.AssetKey(["x", "sum"])


class World:
    """A partitioned table `x/source`, and `x/sum`, made of those of its partitions that it chooses."""

    def __init__(self, folder: Path) -> None:
        self.instance, self.lake = dg.DagsterInstance.ephemeral(), Lake(folder)
        self.chosen: list[str] = []

    def write(self, part: str, *values: int, passes: bool = True) -> None:
        """A new version of a partition of the source, judged by its gate."""

        @dg.asset(key=SOURCE, partitions_def=PARTS, metadata={"quality_gate": ["open"]})
        def source() -> pl.DataFrame:
            return pl.DataFrame({"value": values})

        @dg.asset_check(asset=source, name="open", partitions_def=PARTS)
        def check() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=passes)

        self.instance.add_dynamic_partitions("part", [part])
        self._make([source, check], part)

    def add_up(self, *parts: str) -> None:
        """The sum of some partitions."""

        @dg.asset(key=SUM, deps=[SOURCE])
        def total(context: dg.AssetExecutionContext) -> pl.DataFrame:
            tables = pl.concat([self.lake.scan(self.instance, SOURCE, part, ["open"]) for part in parts])
            read = [latest_materialization(self.instance, SOURCE, part) for part in parts]
            context.add_output_metadata({**note(record for record in read if record)})
            return tables.sum().collect()

        self._make([total], None)

    def _make(self, made: list[object], part: str | None) -> None:
        resources = {"io_manager": LakeIOManager(self.lake)}
        assert dg.materialize(made, partition_key=part, instance=self.instance, resources=resources).success  # type: ignore[arg-type]

    def total(self) -> int:
        return int(self.lake.scan(self.instance, SUM, None, []).collect().item())


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "lake")
    for part, values in (("a", (1, 2)), ("b", (3,)), ("c", (100,))):
        world.write(part, *values)
    world.add_up("a", "b")
    return world


def test_what_was_looked_up_is_noted_with_its_version_and_is_no_input_of_its_own(world: World) -> None:
    record = latest_materialization(world.instance, SUM, None)
    assert record is not None

    assert [(read.key, read.partition) for read in looked_up(record)] == [(SOURCE, "a"), (SOURCE, "b")]
    assert all(read.holds(world.instance) for read in looked_up(record))
    assert inputs(record) == {}
    assert world.total() == 6


def test_a_partition_that_was_not_read_may_change(world: World) -> None:
    world.write("c", 7)
    world.write("d", 8)

    assert world.total() == 6


def test_a_partition_that_was_read_and_changed_makes_the_table_outdated(world: World) -> None:
    world.write("b", 4)

    with pytest.raises(Outdated, match=r"x/sum is outdated .*x/source, which it was made from, has changed"):
        world.total()
    world.add_up("a", "b")
    assert world.total() == 7


def test_a_partition_that_is_made_again_alike_has_not_changed(world: World) -> None:
    world.write("b", 3)

    assert world.total() == 6


def test_a_gate_that_closed_since_closes_what_was_made_of_it(world: World) -> None:
    world.write("b", 3, passes=False)

    with pytest.raises(GateClosed, match="open is FAILED for partition 'b'"):
        world.total()
