"""What evergrow depends on, tried one after the other: what is there, what is wrong, what helps. Nothing that costs.

Endpoints are asked for the list of their models, which no provider charges for; a program runs in the sandbox, and one
text is embedded. Nothing is kept of it.
"""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import dagster as dg
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from evergrow.flows.runs import UNFINISHED
from evergrow.methods.text.counts import counted
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.host.home import Home, HomeError
from evergrow.resources.lake.content_files import Files
from evergrow.resources.lake.remote import StoreUnreachable
from evergrow.resources.ledger import Ledger, LedgerError
from evergrow.resources.ledger.database import database_url, shown
from evergrow.resources.ledger.migrations import HEAD
from evergrow.resources.llm import EndpointError, remedies
from evergrow.resources.llm.addresses import NO_KEY, address_of
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.prices import price_of, price_setting
from evergrow.resources.local_llm.weights import LocalModelError, find_weights
from evergrow.resources.resource_words import lake_url
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import Settings
from evergrow.resources.settings.load import settings_file
from evergrow.resources.settings.roles import CORE_ROLES

State = Literal["ok", "warning", "fault"]
GIB = 2**30
LITTLE, SCARCE = 5 * GIB, GIB // 2  # bytes free: of which to be warned, and with which little gets done
PACKAGE = "evergrow"
RESTORE = "mend it, or go back to a backup: evergrow restore"
CONNECT = "see that the server runs and ledger_url is right"
MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found of one thing, and what helps ("" if nothing has to)."""

    what: str
    state: State
    found: str
    remedy: str = ""


def checkup(settings: Settings) -> Iterator[Checkup]:
    """A finding for each thing, in the order in which they build on each other; none of them stops the others."""
    yield from versions()
    yield _settings()
    yield (home := _home(settings))
    there = home.state != "fault"
    yield from _disks(settings, home=there)
    if there:
        yield _database(settings)
        yield _dagster(settings)
    if there or not _lies_in_home(settings):
        yield _lake(settings)
    yield _sandbox(settings)
    yield _embedding(settings)
    yield from _endpoints(settings)
    yield from _models(settings)


def versions() -> Iterator[Checkup]:
    """Python, evergrow, and whether the libraries that it needs are there in versions that it works with."""
    from packaging.requirements import Requirement  # noqa: PLC0415 - only here

    told = ", ".join(f"{name} {version(name)}" for name in (PACKAGE, "dagster", "polars"))
    yield Checkup("versions", "ok", f"Python {platform.python_version()}, {told}")
    for line in requires(PACKAGE) or ():
        needed = Requirement(line)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(needed.name)
        except PackageNotFoundError:
            there = None
        if there is None or not needed.specifier.contains(there, prereleases=True):
            found = f"{needed.name} {there or 'is not'} installed, {needed.specifier or 'any'} is needed"
            yield Checkup("versions", "fault", found, f"pip install '{needed.name}{needed.specifier}'")


def _settings() -> Checkup:
    file = settings_file()
    if not file.is_file():
        return Checkup("settings", "ok", f"defaults and the environment; there is no {file}")
    return Checkup("settings", "ok", f"read from {file}; `evergrow config show --changed` says which")


def _home(settings: Settings) -> Checkup:
    try:
        Home(settings.home).ensure()
    except HomeError as error:
        return Checkup("home", "fault", str(error), "set EVERGROW_HOME to a folder that can be written")
    return Checkup("home", "ok", f"{settings.home} can be written")


def _lies_in_home(settings: Settings) -> bool:
    """Whether the lake is a folder in the home."""
    lake = Files.of(settings).local
    return lake is not None and lake.absolute().is_relative_to(settings.home.absolute())


def _disks(settings: Settings, *, home: bool) -> Iterator[Checkup]:
    """The disks that are written to, each once; `home`: whether that can be used, else its disk is of no interest."""
    lake = Files.of(settings).local
    written = ([settings.home] if home else []) + ([lake] if lake and (home or not _lies_in_home(settings)) else [])
    seen: set[int] = set()
    for folder in (*written, Path(tempfile.gettempdir())):
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if (disk := there.stat().st_dev) in seen:
            continue
        seen.add(disk)
        free = shutil.disk_usage(there).free
        state: State = "fault" if free < SCARCE else "warning" if free < LITTLE else "ok"
        yield Checkup(
            "disk", state, f"{free / GIB:,.1f} GiB are free at {there}", "" if state == "ok" else "free space"
        )


def _database(settings: Settings) -> Checkup:
    url = make_url(database_url(settings))
    try:
        with closing(Ledger.of(settings)) as ledger:
            replies = int(ledger.costs.grouped(("model",))["calls"].sum())
    except (LedgerError, SQLAlchemyError) as error:
        remedy = CONNECT if _unconnected(error) and url.get_backend_name() != "sqlite" else RESTORE
        return Checkup("database", "fault", str(error), remedy)
    return Checkup("database", "ok", f"{shown(url)}, schema {HEAD}, {counted(replies, 'calls')}")


def _unconnected(error: Exception) -> bool:
    """Whether a server did not let anybody in, so that nothing was asked of it."""
    cause = error.__cause__ if isinstance(error, LedgerError) else error
    return isinstance(cause, OperationalError) and cause.statement is None


def _dagster(settings: Settings) -> Checkup:
    try:
        with dg.DagsterInstance.from_config(str(Home(settings.home).dagster)) as instance:
            unfinished = len(instance.get_run_ids(dg.RunsFilter(statuses=UNFINISHED)))
    except (SQLAlchemyError, dg.DagsterError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        return Checkup("Dagster's storage", "fault", f"{Home(settings.home).dagster}: {cause}", RESTORE)
    return Checkup("Dagster's storage", "ok", f"can be read; {counted(unfinished, 'runs are', 'run is')} not over")


def _lake(settings: Settings) -> Checkup:
    try:
        files = Files.of(settings)
        if files.local and files.local.exists() and not os.access(files.local, os.W_OK | os.X_OK):
            return Checkup("lake", "fault", f"{files.local} cannot be written", "give it to the user who runs evergrow")
        there = next(iter(files.walk()), None)
    except (StoreUnreachable, OSError, ImportError, ValueError) as error:
        return Checkup("lake", "fault", str(error), "set lake_url, and the credentials that its store wants")
    content = "holds tables; `evergrow scrub --look` reads them all" if there else "is empty"
    return Checkup("lake", "ok", f"{lake_url(settings)} {content}")


def _sandbox(settings: Settings) -> Checkup:
    try:
        sandbox = Sandbox.open(settings.sandbox)
    except SandboxUnavailable as error:
        return Checkup("sandbox", "warning", f"{error}; answers that are code stay unverified", "see docs/sandbox.md")
    return Checkup("sandbox", "ok", f"a program ran in {sandbox.level}, {sandbox.workers} run at once")


def _embedding(settings: Settings) -> Checkup:
    import logging  # noqa: PLC0415

    from evergrow.resources.embedding.embedder import Embedder  # noqa: PLC0415 - imports torch
    from evergrow.resources.host.progress import LogProgress  # noqa: PLC0415

    if endpoint := settings.embedding.endpoint:
        return Checkup("embedding model", "ok", f"{settings.embedding.model}, by the endpoint {endpoint!r}: not asked")
    # A lake of its own: the text is really embedded each time, and nothing is kept of it.
    with tempfile.TemporaryDirectory() as folder:
        embedder = Embedder(settings.embedding, Files(folder), LogProgress(logging.getLogger(__name__)))
        try:
            vectors = embedder.embed(["Is the model there?"])
        except EmbedderError as error:
            remedy = "set embedding.model to a folder that holds it, or to all-MiniLM-L6-v2: docs/embedding.md"
            return Checkup("embedding model", "fault", str(error), remedy)
        told = f"{embedder.name}, {vectors.shape[1]} dimensions, {embedder.backend} on {embedder.device}"
    return Checkup("embedding model", "ok", told)


def used_endpoints(settings: Settings) -> dict[str, list[str]]:
    """The models that roles ask of each endpoint that any role uses."""
    found: dict[str, list[str]] = {}
    for name in type(settings.roles).model_fields:
        role = settings.role(name)
        for endpoint in role.endpoints:
            asked = settings.endpoints[endpoint].model or role.model
            found.setdefault(endpoint, []).extend([asked] if asked else [])
    if settings.embedding.endpoint:
        found.setdefault(settings.embedding.endpoint, []).append(settings.embedding.model)
    return {name: list(dict.fromkeys(models)) for name, models in found.items()}


def _endpoints(settings: Settings) -> Iterator[Checkup]:
    for name, models in used_endpoints(settings).items():
        what = f"endpoint {name!r}"
        if settings.endpoints[name].kind == "embedded":
            yield _embedded(settings, what)
            continue
        yield from _listed(settings, name, what, models)


def _embedded(settings: Settings, what: str) -> Checkup:
    try:
        weights = find_weights(settings.embedded.gguf)
    except LocalModelError as error:
        return Checkup(what, "fault", str(error), "or set OPENAI_BASE_URL or OPENAI_API_KEY to use another endpoint")
    found = f"the embedded model {weights.model}, which a command starts; its weights are whole"
    return Checkup(what, "warning", found, "for data of use set OPENAI_BASE_URL or OPENAI_API_KEY, and EVERGROW_MODEL")


def _listed(settings: Settings, name: str, what: str, models: list[str]) -> Iterator[Checkup]:
    """Whether an endpoint answers, takes the key, and knows the models that roles ask of it."""
    endpoint = settings.endpoints[name]
    try:
        address = address_of(name, endpoint)
    except EndpointError as error:
        # What comes from a ValueError is of the URL, all else of the key.
        variable = "OPENAI_BASE_URL to a URL" if isinstance(error.__cause__, ValueError) else endpoint.api_key_env
        yield Checkup(what, "fault", str(error), f"set {variable}, or endpoints.{name}.base_url")
        return
    answer = _ask(name, settings, address)
    key = "without a key" if address.api_key == NO_KEY else f"with the key in {endpoint.api_key_env}"
    ask_it = f"evergrow doctor --endpoint {name} asks it, which may cost a little"
    if isinstance(answer, Fault) and answer.status in (404, 405):
        found = f"{address.shown} answers, but lists no models (HTTP {answer.status})"
        yield Checkup(what, "warning", found, ask_it)
    elif isinstance(answer, Fault):
        yield Checkup(what, "fault", f"{address.shown}: {answer.message}", remedies.remedy(answer, name, endpoint))
    elif not answer and endpoint.kind != "azure":
        asked = ", ".join(models) or "the model"
        found = f"{address.shown} answers {key}, but lists 0 models: {asked} cannot be seen"
        yield Checkup(what, "warning", found, ask_it)
    else:
        yield Checkup(what, "ok", f"{address.shown} answers {key} and lists {counted(len(answer), 'models')}")
        for model in models:
            if endpoint.kind != "azure" and (unlisted := remedies.unlisted(model, answer)):
                first = ", ".join(answer[:MOST_LISTED]) + (" ..." if len(answer) > MOST_LISTED else "")
                found = f"{model} is asked for{unlisted}; the list: {first}"
                yield Checkup(what, "warning", found, "check model, or the roles' models")


def _ask(name: str, settings: Settings, address: object) -> list[str] | Fault:
    import asyncio  # noqa: PLC0415

    from evergrow.resources.llm.transport import Transport  # noqa: PLC0415 - imports aiohttp

    async def listed() -> list[str] | Fault:
        transport = Transport(name, settings.endpoints[name], address)  # type: ignore[arg-type]
        try:
            return await transport.models()
        finally:
            await transport.close()

    return asyncio.run(listed())


def _models(settings: Settings) -> Iterator[Checkup]:
    """Whether each role has a model, and each model a price."""
    by_model: dict[str, list[str]] = {}
    for name in type(settings.roles).model_fields:
        model = settings.role(name).model
        if model:
            by_model.setdefault(model, []).append(name)
        elif name in CORE_ROLES:
            remedy = f"set model (EVERGROW_MODEL), or roles.{name}.model"
            yield Checkup(f"role {name!r}", "fault", "no model is set", remedy)
    for model, roles in by_model.items():
        price = price_of(settings, model)
        named = ", ".join(roles)
        if price is None:
            remedy = f"set {price_setting(model)}: without it budgets in dollars cannot be kept"
            yield Checkup(f"model {model!r}", "warning", f"{named}; its price is not known", remedy)
        else:
            yield Checkup(f"model {model!r}", "ok", f"{named}; its price is known")
