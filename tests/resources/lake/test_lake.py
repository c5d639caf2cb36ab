"""The lake and its gate, on a real Dagster instance with two small assets."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY, Lake, LakeIOManager, NeverMaterialized
from evergrow.resources.lake.readable import GATES

NUMBERS, DOUBLED, EVERY, MAYBE = (dg.AssetKey(name) for name in ("numbers", "doubled", "every", "maybe"))
PARTS = dg.DynamicPartitionsDefinition(name="batch")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("batch", ["p", "q"])
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def definitions(lake: Lake, rows: pl.DataFrame, *, passes: bool = True) -> dg.Definitions:
    """`numbers` behind a gate, and three readers of it: of kept rows, of all rows, and of rows if there are any."""

    @dg.asset(key=NUMBERS, partitions_def=PARTS, metadata={GATES: ["gate"]})
    def numbers() -> pl.DataFrame:
        return rows

    @dg.asset_check(name="gate", asset=numbers, blocking=True, partitions_def=PARTS)
    def gate(numbers: pl.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passes, description="not good", metadata={"rows": numbers.height})

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
        asset_checks=[gate],
        executor=dg.in_process_executor,
        resources={"io_manager": LakeIOManager(lake)},
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


ROWS = pl.DataFrame({"id": ["a", "b"], "n": [1, 2], "reason": [None, "odd: detail"]})


def test_a_reader_gets_the_rows_that_were_kept(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS)

    assert run(defs, instance, NUMBERS, DOUBLED) == ""

    assert lake.scan(instance, DOUBLED, "p", ()).collect().to_dicts() == [{"id": "a", "n": 2}]


def test_a_reader_that_asks_for_all_rows_gets_them_with_their_reasons(instance: dg.DagsterInstance, lake: Lake) -> None:
    run(definitions(lake, ROWS), instance, NUMBERS, EVERY)

    assert lake.scan(instance, EVERY, "p", (), rows="all").collect().equals(ROWS)
    assert lake.scan(instance, EVERY, "p", (), rows="rejected").collect()["id"].to_list() == ["b"]


def test_a_failed_gate_stops_the_same_run(instance: dg.DagsterInstance, lake: Lake) -> None:
    assert run(definitions(lake, ROWS, passes=False), instance, NUMBERS, DOUBLED)
    assert not instance.get_materialized_partitions(DOUBLED)


def test_a_failed_gate_stops_a_separate_run(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS, passes=False)
    run(defs, instance, NUMBERS)

    message = run(defs, instance, DOUBLED)

    assert "quality gate numbers:gate is FAILED for partition 'p': it failed: not good" in message


def test_a_failed_gate_of_one_partition_leaves_the_other_readable(instance: dg.DagsterInstance, lake: Lake) -> None:
    run(definitions(lake, ROWS, passes=False), instance, NUMBERS)
    good = definitions(lake, ROWS)
    run(good, instance, NUMBERS, partition="q")

    assert run(good, instance, DOUBLED, partition="q") == ""
    assert "FAILED" in run(good, instance, DOUBLED)


def test_a_partition_that_was_never_checked_cannot_be_read(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS)
    materialize_unchecked(defs, instance)

    assert "is MISSING" in run(defs, instance, DOUBLED)


def test_a_check_of_an_older_version_is_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS)
    run(defs, instance, NUMBERS)
    materialize_unchecked(defs, instance)

    assert "is STALE" in run(defs, instance, DOUBLED)


def materialize_unchecked(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    job = dg.define_asset_job("bare", selection=dg.AssetSelection.assets(NUMBERS).without_checks())
    bare = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    assert bare.resolve_job_def("bare").execute_in_process(instance=instance, partition_key="p").success


def test_a_job_without_the_check_in_it_is_still_stopped(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS, passes=False)
    run(defs, instance, NUMBERS)
    selection = dg.AssetSelection.assets(DOUBLED).without_checks()
    merged = dg.Definitions.merge(defs, dg.Definitions(jobs=[dg.define_asset_job("bare", selection=selection)]))

    result = merged.resolve_job_def("bare").execute_in_process(
        instance=instance, partition_key="p", raise_on_error=False
    )

    assert not result.success


def test_what_was_never_made_is_an_error_that_says_so(instance: dg.DagsterInstance, lake: Lake) -> None:
    assert "numbers of batch or tree 'p' was never made" in run(definitions(lake, ROWS), instance, DOUBLED)
    with pytest.raises(NeverMaterialized):
        lake.scan(instance, NUMBERS, "p", ())


def test_an_optional_input_may_be_missing_but_not_ungated(instance: dg.DagsterInstance, lake: Lake) -> None:
    defs = definitions(lake, ROWS, passes=False)
    assert run(defs, instance, MAYBE) == ""
    assert lake.scan(instance, MAYBE, "p", ()).collect().item() is False

    run(defs, instance, NUMBERS)

    assert "FAILED" in run(defs, instance, MAYBE)


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


def test_the_lake_may_be_any_fsspec_url(instance: dg.DagsterInstance) -> None:
    defs = definitions(Lake("memory://lake"), ROWS)

    assert run(defs, instance, NUMBERS, DOUBLED) == ""


def test_a_materialization_says_how_many_rows_were_kept_and_why_others_were_not(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    run(definitions(lake, ROWS), instance, NUMBERS)

    record = instance.fetch_materializations(NUMBERS, limit=1).records[0]
    assert record.asset_materialization
    metadata = record.asset_materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 1
    rejected = metadata["rejected"]
    assert isinstance(rejected, dg.TableMetadataValue)
    assert [record.data for record in rejected.records] == [{"reason": "odd", "rows": 1}]
