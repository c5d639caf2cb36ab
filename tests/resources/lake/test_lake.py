"""The lake: immutable files by content, the event log says which is current, an IO manager notes what was read."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from evergrow.resources.lake.io_manager import LakeIOManager
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY, Lake, NeverMaterialized
from evergrow.resources.lake.readable import Outdated
from evergrow.resources.lake.versions import MadeFrom, data_version, latest_materialization, made_from, note

NUMBERS, DOUBLED, EVERY, MAYBE = (dg.AssetKey(name) for name in ("numbers", "doubled", "every", "maybe"))
PARTS = dg.DynamicPartitionsDefinition(name="batch")
ROWS = pl.DataFrame({"id": ["a", "b"], "n": [1, 2], "reason": [None, "odd: detail"]})


class Keeper:
    """Lets everything be read but what it is told to keep, and has one value shape every table."""

    def __init__(self) -> None:
        self.kept_back: set[dg.AssetKey] = set()

    def require_readable(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, version: dg.EventLogRecord
    ) -> None:
        if key in self.kept_back:
            raise Outdated(key, partition, "it is kept back", "evergrow run")

    def command(self, key: dg.AssetKey, partition: str | None) -> str | None:
        return f"make {key.path[-1]} of {partition}"

    def shape(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> MadeFrom:
        return MadeFrom({"evolution.beam": "0.5"}, {"the benchmarks": "abc"}, recipe=3)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("batch", ["p", "q"])
        yield made


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def lake(tmp_path: Path, keeper: Keeper) -> Lake:
    return Lake(tmp_path / "lake", keeper)


def definitions(lake: Lake, keeper: Keeper, rows: pl.DataFrame = ROWS) -> dg.Definitions:
    """`numbers`, and three readers of it: of kept rows, of all rows, and of rows if there are any."""

    @dg.asset(key=NUMBERS, partitions_def=PARTS)
    def numbers() -> pl.DataFrame:
        return rows

    @dg.asset(key=DOUBLED, partitions_def=PARTS)
    def doubled(numbers: pl.DataFrame) -> pl.DataFrame:
        return numbers.with_columns(pl.col("n") * 2)

    @dg.asset(key=EVERY, partitions_def=PARTS, ins={"numbers": dg.AssetIn(NUMBERS, metadata=ALL_ROWS)})
    def every(numbers: pl.DataFrame) -> pl.DataFrame:
        return numbers

    @dg.asset(key=MAYBE, partitions_def=PARTS, ins={"numbers": dg.AssetIn(NUMBERS, metadata=IF_ANY)})
    def maybe(numbers: pl.DataFrame | None) -> pl.DataFrame:
        return pl.DataFrame({"found": [numbers is not None]})

    return dg.Definitions(
        assets=[numbers, doubled, every, maybe],
        executor=dg.in_process_executor,
        resources={"io_manager": LakeIOManager(lake, keeper)},
    )


def run(defs: dg.Definitions, instance: dg.DagsterInstance, *keys: dg.AssetKey, partition: str = "p") -> str:
    """Materialize `keys`; returns "" or the first failure's message."""
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key=partition, asset_selection=list(keys), raise_on_error=False
    )
    failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    if not failures:
        assert result.success
        return ""
    data = failures[0].user_failure_data
    return str(data.description if data else failures[0].error)


def test_a_reader_gets_the_rows_that_were_kept(instance: dg.DagsterInstance, lake: Lake, keeper: Keeper) -> None:
    assert run(definitions(lake, keeper), instance, NUMBERS, DOUBLED) == ""

    assert lake.scan(instance, DOUBLED, "p").collect().to_dicts() == [{"id": "a", "n": 2}]


def test_a_reader_that_asks_for_all_rows_gets_them_with_their_reasons(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    run(definitions(lake, keeper), instance, NUMBERS, EVERY)

    assert lake.scan(instance, EVERY, "p", "all").collect().equals(ROWS)
    assert lake.scan(instance, EVERY, "p", "rejected").collect()["id"].to_list() == ["b"]


def test_what_the_guard_keeps_back_is_read_by_nobody_but_past_it(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    defs = definitions(lake, keeper)
    run(defs, instance, NUMBERS)
    keeper.kept_back.add(NUMBERS)

    assert "it is kept back; make it again (`evergrow run`" in run(defs, instance, DOUBLED)
    with pytest.raises(Outdated):
        lake.scan(instance, NUMBERS, "p")
    kept, every = (lake.ungated(instance, NUMBERS, "p", rows) for rows in ("kept", "all"))
    assert kept is not None
    assert every is not None
    assert (kept.collect().height, every.collect().height) == (1, 2)


def test_a_lake_without_a_guard_is_read_only_by_who_says_so(
    instance: dg.DagsterInstance, tmp_path: Path, lake: Lake, keeper: Keeper
) -> None:
    run(definitions(lake, keeper), instance, NUMBERS)
    bare = Lake(tmp_path / "lake")

    with pytest.raises(ValueError, match="no guard"):
        bare.scan(instance, NUMBERS, "p")
    assert bare.scan(instance, NUMBERS, "p", guarded=False).collect().height == 1


def test_what_was_never_made_is_an_error_that_says_so(instance: dg.DagsterInstance, lake: Lake, keeper: Keeper) -> None:
    said = run(definitions(lake, keeper), instance, DOUBLED)

    assert "numbers of partition 'p' was never made: `make numbers of p` makes it" in said
    with pytest.raises(NeverMaterialized):
        lake.scan(instance, NUMBERS, "p")
    assert lake.ungated(instance, NUMBERS, "p") is None


def test_an_optional_input_may_be_missing_or_outdated(instance: dg.DagsterInstance, lake: Lake, keeper: Keeper) -> None:
    defs = definitions(lake, keeper)
    assert run(defs, instance, MAYBE) == ""
    assert lake.scan(instance, MAYBE, "p").collect().item() is False

    run(defs, instance, NUMBERS, MAYBE)
    assert lake.scan(instance, MAYBE, "p").collect().item() is True

    keeper.kept_back.add(NUMBERS)
    run(defs, instance, MAYBE)
    assert lake.scan(instance, MAYBE, "p").collect().item() is False


def test_a_materialization_carries_what_it_was_made_from(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    run(definitions(lake, keeper), instance, NUMBERS, DOUBLED)
    read, made = (latest_materialization(instance, key, "p") for key in (NUMBERS, DOUBLED))
    assert read
    assert made

    found = made_from(made)

    assert (found.values, found.files, found.recipe) == ({"evolution.beam": "0.5"}, {"the benchmarks": "abc"}, 3)
    assert [(one.key, one.partition, one.version) for one in found.read] == [(NUMBERS, "p", data_version(read))]


def test_an_optional_input_that_was_left_out_is_not_what_it_was_made_from(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    run(definitions(lake, keeper), instance, MAYBE)
    made = latest_materialization(instance, MAYBE, "p")

    assert made
    assert made_from(made).read == ()


def test_what_an_asset_looked_up_itself_is_what_it_was_made_from(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    defs = definitions(lake, keeper)
    for part in ("p", "q"):
        run(defs, instance, NUMBERS, partition=part)

    @dg.asset(key="total")
    def total(context: dg.AssetExecutionContext) -> pl.DataFrame:
        read = [lake.current(context.instance, NUMBERS, part) for part in ("p", "q")]
        context.add_output_metadata(note(read))
        return pl.concat([lake.version(record) for record in read]).select("n").sum().collect()

    resources = {"io_manager": LakeIOManager(lake, keeper)}
    assert dg.materialize([total], instance=instance, resources=resources).success
    made = latest_materialization(instance, total.key, None)

    assert made
    assert [(one.key, one.partition) for one in made_from(made).read] == [(NUMBERS, "p"), (NUMBERS, "q")]


def test_a_version_is_one_file_and_older_ones_stay(lake: Lake, tmp_path: Path) -> None:
    first, _ = lake.write(NUMBERS, "p", ROWS)
    again, _ = lake.write(NUMBERS, "p", ROWS)
    other, _ = lake.write(NUMBERS, "p", ROWS.head(1))

    assert first == again != other
    assert {p.name for p in (tmp_path / "lake/numbers/p").iterdir()} == {Path(first).name, Path(other).name}


def test_a_multi_partition_key_is_no_path(lake: Lake, tmp_path: Path) -> None:
    path, _ = lake.write(NUMBERS, "s0|math", ROWS)

    assert (tmp_path / "lake" / path).is_file()
    assert "|" not in path


def test_the_lake_may_be_any_fsspec_url(instance: dg.DagsterInstance, keeper: Keeper) -> None:
    defs = definitions(Lake("memory://lake", keeper), keeper)

    assert run(defs, instance, NUMBERS, DOUBLED) == ""


def test_a_materialization_says_how_many_rows_were_kept_and_why_others_were_not(
    instance: dg.DagsterInstance, lake: Lake, keeper: Keeper
) -> None:
    run(definitions(lake, keeper), instance, NUMBERS)

    record = instance.fetch_materializations(NUMBERS, limit=1).records[0]
    assert record.asset_materialization
    metadata = record.asset_materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 1
    rejected = metadata["rejected"]
    assert isinstance(rejected, dg.TableMetadataValue)
    assert [record.data for record in rejected.records] == [{"reason": "odd", "rows": 1}]
