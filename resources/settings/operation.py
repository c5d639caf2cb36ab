"""Settings of what acts and tells by itself: sensors, files for other programs, alerts."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, field_validator

from evergrow.resources.settings.endpoints import http_url
from evergrow.resources.settings.section import Section

AlertKind = Literal["failed_run", "closed_gate", "reached_budget", "stalled"]


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

    @field_validator("automate", mode="before")
    @classmethod
    def _off(cls, given: object) -> object:
        """YAML reads `off`, as `evergrow status` calls it, as false."""
        return "none" if given is False else given

    inbox: Literal["seeds", "rounds", "release"] = Field(
        "seeds", description="how far they take what the inbox brings: registered and loaded only, or further"
    )
    retries: int = Field(3, ge=0, description="times that a sensor asks again, after growing pauses, for what failed")
    batches_interval_s: PositiveInt = Field(60, description="seconds between two looks at submissions to a Batch API")
    prune_after_days: PositiveInt | None = Field(
        None,
        description="days after which Dagster's event log loses log lines and inner events of runs that succeeded; "
        "empty: never",
    )


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
