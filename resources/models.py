"""What a run needs to ask models: the ledger, the engine, and the embedded server while no endpoint is set."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import dagster as dg

from evergrow.resources import local_llm
from evergrow.resources.home import Home
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Attribution, Engine
from evergrow.resources.progress import Progress
from evergrow.resources.settings import Settings


class Models:
    """Opens engines for the assets of one run; the embedded server is started by the first that needs it."""

    def __init__(self, settings: Settings, home: Home, ledger: Ledger, progress: Progress) -> None:
        self._settings, self._home, self._ledger, self._progress = settings, home, ledger, progress
        self._started = ExitStack()
        self._addresses: dict[str, tuple[str, str]] = {}

    @asynccontextmanager
    async def engine(self, context: dg.AssetExecutionContext) -> AsyncIterator[Engine]:
        """An engine whose requests are paid by the asset and partition of `context`."""
        payer = Attribution(
            run_id=context.run_id,
            asset=context.asset_key.to_user_string(),
            partition=context.partition_key,
            batch=context.partition_key,
        )
        self._start_embedded()
        async with Engine.open(self._settings, self._ledger, payer, self._progress, self._addresses) as engine:
            yield engine

    def _start_embedded(self) -> None:
        for name, endpoint in self._settings.endpoints.items():
            if endpoint.kind == "embedded" and name not in self._addresses:
                address = self._started.enter_context(local_llm.running(self._settings.embedded, self._home.logs))
                self._addresses[name] = (address.base_url, address.api_key)

    def close(self) -> None:
        """Stop what was started."""
        self._started.close()
        self._addresses.clear()
