"""Runs as OpenLineage events, for catalogues: which table was made from which, its columns, rows and gates.

Off by default. A collector that does not answer is named in the log and never stops a run: the event log has it all.
"""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

import dagster as dg

from evergrow.resources.lake.readable import EXPECTATIONS
from evergrow.resources.lake.versions import Read, data_version, made_from, noted
from evergrow.resources.llm.addresses import NO_KEY, Address
from evergrow.resources.settings.operation import Observability

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, RunEvent

PRODUCER = "urn:evergrow"
TIMEOUT_S = 5.0
MOST_EVENTS = 1_000  # of one run that are read
log = logging.getLogger(__name__)


def tell(instance: dg.DagsterInstance, run_id: str, rules: Observability) -> int:
    """Send what a run did to the collector that the settings name; returns how many events it took.

    Nothing is sent where none is named; where one does not answer, that is logged and all else goes on.
    """
    if rules.openlineage_url is None:
        return 0
    from openlineage.client import OpenLineageClient, set_producer  # noqa: PLC0415 - only who uses it pays for it
    from openlineage.client.transport.http import (  # noqa: PLC0415
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )

    set_producer(PRODUCER)
    key = os.environ.get(rules.openlineage_key_env)
    auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
    config = HttpConfig(url=rules.openlineage_url, timeout=TIMEOUT_S, auth=auth, retry={"total": 0})
    client, taken = OpenLineageClient(transport=HttpTransport(config)), 0
    try:
        for event in events_of(instance, run_id, rules.openlineage_namespace):
            client.emit(event)
            taken += 1
    except (OSError, ValueError) as error:  # what requests raises: no connection, no success, no URL
        shown = Address(rules.openlineage_url, NO_KEY).shown
        log.warning("the OpenLineage collector %s took %d events of run %s and no more: %s; the run is not touched by "
                    "that, see observability.openlineage_url", shown, taken, run_id, _why(error))  # fmt: skip
    return taken


def _why(error: Exception) -> str:
    """What a collector answered, or of which kind the fault is; its text would repeat the address with its secrets."""
    response = getattr(error, "response", None)
    return type(error).__name__ if response is None else f"HTTP {response.status_code}"


def events_of(instance: dg.DagsterInstance, run_id: str, namespace: str) -> Iterator["RunEvent"]:
    """A start and an end for each table that a run made, an event for each gate that judged, and for what failed."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.STEP_FAILURE,
    }
    stats = instance.get_run_stats(run_id)
    begun = getattr(stats, "start_time", None)
    for record in instance.get_records_for_run(run_id, of_type=kinds, limit=MOST_EVENTS).records:
        yield from _events(record, run, namespace, begun or record.timestamp)


def _events(record: dg.EventLogRecord, run: dg.DagsterRun, namespace: str, begun: float) -> Iterator["RunEvent"]:
    from openlineage.client import facet_v2 as facets  # noqa: PLC0415
    from openlineage.client.event_v2 import RunState  # noqa: PLC0415

    event = record.event_log_entry.dagster_event
    if event is None:
        return
    if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and record.asset_key:
        job, read = record.asset_key.to_user_string(), made_from(record).read
        inputs = [_input(namespace, one) for one in read]
        yield _event(RunState.START, begun, run, namespace, job, inputs, [])
        yield _event(RunState.COMPLETE, record.timestamp, run, namespace, job, inputs, [_output(namespace, record)])
    elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        found = event.asset_check_evaluation_data
        job = f"{found.asset_key.to_user_string()}/{found.check_name}"
        judged = _input(namespace, Read(found.asset_key, found.partition, ""))
        told = found.metadata.get(EXPECTATIONS)
        rows = [one.data for one in told.records] if isinstance(told, dg.TableMetadataValue) else []
        assertions = facets.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[
                facets.data_quality_assertions_dataset.Assertion(
                    assertion=str(row["expectation"]),
                    success=bool(row["met"]),
                    severity="error" if row["severity"] == "critical" else "warn",
                )
                for row in rows
            ]
        )
        judged.inputFacets = {"dataQualityAssertions": assertions}
        state = RunState.COMPLETE if found.passed else RunState.FAIL
        yield _event(state, record.timestamp, run, namespace, job, [judged], [])
    elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
        error = event.step_failure_data.error
        failed = _event(RunState.FAIL, record.timestamp, run, namespace, str(event.step_key), [], [])
        message = error.message if error else "it failed"
        told_error = facets.error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="Python")
        failed.run.facets = {**(failed.run.facets or {}), "errorMessage": told_error}
        yield failed


def _event(
    state: object,
    at: float,
    run: dg.DagsterRun,
    namespace: str,
    job: str,
    inputs: list["InputDataset"],
    outputs: list[object],
) -> "RunEvent":
    from openlineage.client import facet_v2 as facets  # noqa: PLC0415
    from openlineage.client.event_v2 import Job, Run, RunEvent  # noqa: PLC0415

    parent = facets.parent_run.ParentRunFacet(
        run=facets.parent_run.Run(runId=run.run_id), job=facets.parent_run.Job(namespace=namespace, name=run.job_name)
    )
    return RunEvent(
        eventTime=datetime.fromtimestamp(at, UTC).isoformat(),
        eventType=state,  # type: ignore[arg-type]
        run=Run(runId=str(uuid5(NAMESPACE_URL, f"{run.run_id}/{job}")), facets={"parent": parent}),
        job=Job(namespace=namespace, name=job),
        inputs=inputs,
        outputs=outputs,  # type: ignore[arg-type]
        producer=PRODUCER,
    )


def _name(key: dg.AssetKey, partition: str | None) -> str:
    return f"{key.to_user_string()}/{partition}" if partition else key.to_user_string()


def _input(namespace: str, read: Read) -> "InputDataset":
    from openlineage.client import facet_v2 as facets  # noqa: PLC0415
    from openlineage.client.event_v2 import InputDataset  # noqa: PLC0415

    version = facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=read.version)
    told = {"version": version} if read.version else {}
    return InputDataset(namespace=namespace, name=_name(read.key, read.partition), facets=told)  # type: ignore[arg-type]


def _output(namespace: str, record: dg.EventLogRecord) -> object:
    from openlineage.client import facet_v2 as facets  # noqa: PLC0415
    from openlineage.client.event_v2 import OutputDataset  # noqa: PLC0415

    schema: dg.TableSchema | None = noted(record, "dagster/column_schema")
    fields = [
        facets.schema_dataset.SchemaDatasetFacetFields(name=c.name, type=c.type, description=c.description)
        for c in (schema.columns if schema else ())
    ]
    rows = noted(record, "dagster/partition_row_count" if record.partition_key else "dagster/row_count")
    count = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
    return OutputDataset(
        namespace=namespace,
        name=_name(record.asset_key or dg.AssetKey("unknown"), record.partition_key),
        facets={
            "schema": facets.schema_dataset.SchemaDatasetFacet(fields=fields),
            "version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=data_version(record)),
        },
        outputFacets={"outputStatistics": count},
    )
