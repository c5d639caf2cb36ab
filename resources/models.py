"""What a run needs to ask models: the engine, and the embedded server while no endpoint is set."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager

import dagster as dg
import polars as pl

from evergrow.resources import local_llm
from evergrow.resources.host.home import Home
from evergrow.resources.host.interrupts import interruptible
from evergrow.resources.host.memory import set_loaded_aside
from evergrow.resources.host.progress import Progress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Address, Attribution, Engine
from evergrow.resources.llm.batch_api import AwaitingBatch
from evergrow.resources.llm.forecast import Work, forecast, metadata
from evergrow.resources.place import Place
from evergrow.resources.settings import Settings

AWAITS = "evergrow/awaits"  # run tag: submissions to a Batch API that the run has ended to wait for
FRESH_SINCE = "evergrow/fresh_since"  # run tag: replies older than this, epoch seconds, are not reused


class EmbeddedServers(Mapping[str, Address]):
    """Addresses of the endpoints of kind "embedded"; looking one up starts its server, which runs until `close`."""

    def __init__(self, settings: Settings, home: Home) -> None:
        self._settings, self._home = settings, home
        self._names = [name for name, endpoint in settings.endpoints.items() if endpoint.kind == "embedded"]
        self._started: dict[str, Address] = {}
        self._stack = ExitStack()

    def __getitem__(self, name: str) -> Address:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._started:
            server = self._stack.enter_context(
                local_llm.running(self._settings.embedded, self._home.logs / "embedded-model.log")
            )
            self._started[name] = Address(server.base_url, server.api_key)
        return self._started[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def close(self) -> None:
        """Stop the servers that were started."""
        self._stack.close()
        self._started.clear()


class Models:
    """Opens engines for the assets of one run."""

    def __init__(self, ledger: Ledger, servers: Mapping[str, Address], progress: Progress) -> None:
        self._ledger, self._servers, self.progress = ledger, servers, progress

    @asynccontextmanager
    async def engine(self, context: dg.AssetExecutionContext, place: Place) -> AsyncIterator[Engine]:
        """An engine whose requests are paid by the asset and partition of `context`, out of the budget of its owner.

        Args:
            context: of the asset that asks.
            place: where its partition stands.

        Raises:
            dg.Failure: what it asks a Batch API for is still to come, see `ends_while_it_waits`.
        """
        payer = Attribution(
            run_id=context.run.run_id,
            asset=context.asset_key.to_user_string(),
            partition=str(place.partition),
            batch=place.owner,
        )
        engine = Engine.open(
            place.settings,
            self._ledger,
            payer,
            self.progress,
            addresses=self._servers,
            not_before=float(context.run.tags.get(FRESH_SINCE, 0.0)),
        )
        set_loaded_aside()
        with ends_while_it_waits(context):
            async with interruptible(), engine as opened:
                yield opened

    def as_asked(self, rows: pl.DataFrame, call: str = "call_id") -> pl.DataFrame:
        """`rows` with `run_id` and `prompt_version` as the ledger has them of the call that made each, column `call`.

        What is told again was asked by an earlier run, and perhaps by an earlier version of the prompt.
        """
        asked = rows[call].drop_nulls().unique(maintain_order=True).to_list()
        return rows.update(self._ledger.askings(asked).rename({"call_id": call}), on=call)

    def forecast(self, place: Place, *works: Work) -> dict[str, int | float | str | None]:
        """What `works` will take, as metadata to be shown beside the actual figures."""
        return metadata([forecast(place.settings, self._ledger, work) for work in works])


@contextmanager
def ends_while_it_waits(context: dg.AssetExecutionContext) -> Iterator[None]:
    """End the step where it waits for a Batch API, so that no process stays; `offline_batches` starts the run again.

    Raises:
        dg.Failure: it waits. No retry helps; the run is tagged `AWAITS` with the ids of the submissions.
    """
    try:
        yield
    except AwaitingBatch as waiting:
        ids = [submission.submission_id for submission in waiting.submissions]
        context.instance.add_run_tags(context.run.run_id, {AWAITS: ",".join(ids)})
        metadata = {
            "batch_submissions": len(ids),
            "batch_requests": sum(submission.requests for submission in waiting.submissions),
        }
        raise dg.Failure(str(waiting), metadata=metadata, allow_retries=False) from waiting
