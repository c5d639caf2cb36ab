"""One world: a home, an endpoint that fails by a seed, commands that are killed, and what must hold throughout."""

import json
import random
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.names import COLLECTED, gate_name
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.lake.versions import latest_materialization, noted
from tests.command import until
from tests.platform import LENIENT, Platform
from tests.samples import PLAIN
from tests.world.machine import Machine
from tests.world.zygote import Child

AT_ONCE = 4  # requests in flight; one that is answered counts until its reply is written
CANARY = "sk-canary-7f1f3b0c9d"
PASSWORD = "canary-password-51c2"
LOG = 50  # commands that are told when something fails
SETTINGS = {
    "gates": {
        **LENIENT["gates"],
        "responses": {"max_failed_share": 1.0},
        "instructions": {"min_answered_share": 0.0},
        # What a judge's filter refuses is not asked again, and may be all of a batch as small as these.
        "complexity": {**LENIENT["gates"]["complexity"], "min_scored_share": 0.0},
    },
    "evolution": {"rounds": 1, "children": 2, "margin": -10, "beam": 1.0},
    # An outage ends a run after 15 seconds without an answer, which takes seven minutes as settings are by default.
    "endpoints": {"default": {"concurrency": AT_ONCE, "attempts": 3, "timeout_s": 10, "patience_s": 5}},
    "release": {"validation_share": 0, "test_share": 0},
    "embedding": {"backend": "torch"},  # a command that measures loads it, and the others take longer for that
}
TRANSPORT = ("drop", "truncate", "429", "500", "503")
CONTENT = ("refuse", "prose", "fence", "cut", "empty", "no_usage", "odd", "filter")
OUTAGES = ("401", "402", "500")


class Broken(AssertionError):  # noqa: N818 - it says what the world is
    """Something that must hold does not; the message tells what, and the commands before it."""


def swarm(seed: int) -> dict[str, float]:
    """A random mix of faults: of each kind none or some, of all together at most six in ten requests."""
    draw = random.Random(f"swarm {seed}")
    kinds = [kind for kind in (*TRANSPORT, *CONTENT) if draw.random() < 0.4]
    return {kind: round(draw.uniform(0.02, 0.6 / max(len(kinds), 1)), 3) for kind in kinds}


class World:
    """A home of its own on a shared machine."""

    def __init__(self, machine: Machine, folder: Path, seed: int) -> None:
        self.machine, self.folder, self.seed = machine, folder, seed
        self.home = folder / "home"
        shutil.copytree(machine.template, self.home)
        (folder / "evergrow.yaml").write_text(json.dumps(SETTINGS))
        self.environment = {
            "EVERGROW_HOME": str(self.home),
            "EVERGROW_CONFIG": str(folder / "evergrow.yaml"),
            "OPENAI_BASE_URL": machine.endpoint.url.replace("http://", f"http://someone:{PASSWORD}@"),
            "OPENAI_API_KEY": CANARY,
        }
        self.rounds: dict[str, int] = {}  # by batch, as its recipe has them
        self.tight: set[str] = set()  # batches whose gate lets nothing through
        self.exports: set[Path] = set()  # that were written whole, and not since
        self.lost: Counter[str] = Counter()  # replies that were in flight at a kill and are not in the ledger, by id
        self.came: Counter[str] = Counter()  # sound replies that the endpoint has delivered before it was reset, by id
        self.changed = False  # since what must hold was looked at last
        self.log: list[str] = []
        self._commands = 0
        self.begin()

    def begin(self) -> None:
        """Have the endpoint fail in nothing, and count from here on."""
        self.machine.endpoint.control(reset=True, share={}, first={}, by_seed=self.seed)
        self.came.clear()
        self.lost.clear()

    # Commands.

    def start(self, *arguments: str, points: dict[str, Any] | None = None) -> Child:
        """Start a command."""
        self._commands, self.changed = self._commands + 1, True
        self.log.append(f"evergrow {' '.join(arguments)} {points or ''}")
        output = self.folder / f"output-{self._commands}.txt"
        points = {**points, "within": str(self.folder)} if points else {}
        return self.machine.zygote.start(arguments, self.folder, output, self.environment, points=points)

    def end(self, child: Child) -> int:
        """Wait for a command; a traceback is a fault."""
        code = child.wait()
        self.log[-1] += f" -> {code}"
        if "Traceback (most recent call last)" in child.said or code not in (0, 1, 2, -signal.SIGKILL):
            raise self.broken(f"a command ended with {code}:\n{child.said[-4000:]}")
        if CANARY in child.said or PASSWORD in child.said:
            raise self.broken(f"a command prints a key: {child.said}")
        return code

    def do(self, *arguments: str, kill_at: int | None = None, number: int = signal.SIGKILL, kind: str = "") -> int:
        """Run a command to its end, which may be a signal at its n-th point of a kind, if it has so many."""
        mark = self.folder / "killed"
        mark.unlink(missing_ok=True)
        points = {"kill_at": kill_at, "number": number, "kind": kind, "mark": str(mark)}
        child = self.start(*arguments, points=points if kill_at is not None else None)
        self.said = ""
        code = self.end(child)
        self.said = child.said
        if mark.exists():
            self._lose()
        elif code < 0:
            raise self.broken(f"it ended with {code}, and nobody has killed it: {self.said}")
        return code

    def _lose(self) -> None:
        """Once the endpoint is done with what a signal has ended: what was in flight, and nothing else, is lost."""
        until(lambda: self.machine.endpoint.stats()["in_flight"] == 0, lambda: "the endpoint never came to rest")
        missing = Counter(self.machine.endpoint.stats("ids")["delivered"]) - self.held()
        if (missing - self.lost).total() > AT_ONCE:
            raise self.broken(f"a kill has lost {missing - self.lost}, and {AT_ONCE} can be in flight")
        self.lost = missing

    def held(self) -> Counter[str]:
        """How often the ledger holds each reply, by id."""
        return Counter(reply["id"] for reply, _, _ in self._replies())

    def _replies(self) -> list[tuple[dict[str, Any], int | None, int | None]]:
        """The replies that the ledger holds, each with the tokens that it counts for it: asked, answered."""
        with closing(sqlite3.connect(f"file:{self.home}/ledger.sqlite?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT reply, tokens_in, tokens_out FROM calls WHERE reply IS NOT NULL").fetchall()
        return [(json.loads(reply), tokens_in, tokens_out) for reply, tokens_in, tokens_out in rows]

    def must(self, *arguments: str) -> None:
        """Run a command that has to succeed."""
        if self.do(*arguments) != 0:
            raise self.broken(f"{arguments} failed: {self.said}")

    def broken(self, what: str) -> Broken:
        """The error that tells what is wrong, and what led to it."""
        said = "\n".join([what, f"world {self.seed}; commands before:", *self.log[-LOG:]])
        sys.stdout.write(f"{said}\nmake soak REPLAY={self.seed} repeats it\n")  # hypothesis may tell of another failure
        return Broken(said)

    # What there is.

    def add(self, batch: str, first: int, count: int) -> None:
        """Register a batch of that many instructions."""
        rows = [{"id": f"s{n}", "content": PLAIN[n % len(PLAIN)]} for n in range(first, first + count)]
        file = self.folder / f"{batch}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.must("seeds", "add", str(file), "--batch", batch)
        self.rounds[batch] = 1

    def fault(self, share: dict[str, float]) -> None:
        """Have the endpoint fail so often from now on."""
        self.log.append(f"faults {share}")
        self.machine.endpoint.control(share=share)

    def release(self, batch: str, kill_at: int | None = None) -> None:
        """Release one batch, if it is collected."""
        code = self.do("release", "--batch", batch, kill_at=kill_at)
        if code == 0 and batch in self.tight:
            raise self.broken(f"{batch!r} is released through a closed gate")

    def export(self, name: str, form: str, kill_at: int | None = None) -> None:
        """Export the release, or what is collected, into a folder of that name, in place of what it held."""
        folder = self.folder / name
        code = self.do("export", "--format", form, "--out", str(folder), kill_at=kill_at)
        if code == 0:
            self.exports.add(folder)

    def forget(self, seed: str, kill_at: int | None = None) -> None:
        """Take down all that descends from a seed; what an export says of itself then holds."""
        self.do("forget", "--seed", seed, "--yes", kill_at=kill_at)

    def look(self, what: str) -> None:
        """A command that only looks: nothing is asked, no run is begun."""
        with self.opened() as platform:
            before = self.requests(), platform.instance.get_runs_count()
            self.do(*what.split())
            after = self.requests(), platform.instance.get_runs_count()
        if before != after:
            raise self.broken(f"looking changed something: requests and runs {before} before, {after} after")

    def requests(self) -> int:
        """What the endpoint was asked."""
        return int(self.machine.endpoint.stats()["requests"])

    def made(self, batch: str) -> bool:
        """Whether a batch is collected."""
        with self.opened() as platform:
            return latest_materialization(platform.instance, COLLECTED, batch) is not None

    @contextmanager
    def opened(self) -> Iterator[Platform]:
        """The platform as a reader in this process sees it."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with dg.DagsterInstance.from_config(str(self.home / "dagster")) as instance:
                platform = Platform(instance, {})
                try:
                    yield platform
                finally:
                    platform.registry.close()

    def snapshot(self) -> None:
        """Copy the event log."""
        shutil.rmtree(self.folder / "snapshot", ignore_errors=True)
        shutil.copytree(self.home / "dagster", self.folder / "snapshot")
        self.log.append("copy of the event log taken")

    def restore(self) -> None:
        """Put the copy of the event log back."""
        shutil.rmtree(self.home / "dagster")
        shutil.copytree(self.folder / "snapshot", self.home / "dagster")
        self.log.append("event log restored")

    def damage(self, draw: int) -> str:
        """Change a byte of a file of the lake, or cut or delete it; returns which, "" if there is none."""
        files = sorted(p for p in (self.home / "lake").rglob("*.parquet") if "vectors" not in p.parts)
        if not files:
            return ""
        file, how = files[draw % len(files)], draw // len(files) % 3
        data = file.read_bytes()
        if how == 0:
            file.unlink()
        elif how == 1:
            file.write_bytes(data[: len(data) // 2])
        else:
            at = draw % len(data)
            file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        self.log.append(f"{('deleted', 'cut', 'changed')[how]}: {file.relative_to(self.home)}")
        return str(file)

    # What must hold.

    def check(self) -> None:
        """Everything that must hold between two commands."""
        self.check_ledger()
        with self.opened() as platform:
            self.check_funnel(platform)
            self.check_gates(platform)

    def check_ledger(self) -> None:
        """What the ledger holds was delivered, token by token; what is missing, kills have lost; nothing came twice."""
        replies = self._replies()
        held = Counter(reply["id"] for reply, _, _ in replies)
        delivered = Counter(self.machine.endpoint.stats("ids")["delivered"])
        if strange := held - delivered:
            raise self.broken(f"the ledger holds replies that were not delivered: {strange}")
        if missing := delivered - held - self.lost:
            raise self.broken(f"replies are not in the ledger, and no kill has lost them: {missing}")
        self.check_once()
        for reply, tokens_in, tokens_out in replies:
            usage = reply.get("usage") or {}
            if usage and (tokens_in, tokens_out) != (usage["prompt_tokens"], usage["completion_tokens"]):
                raise self.broken(f"the ledger counts {tokens_in} and {tokens_out} tokens of {usage}")

    def check_once(self) -> None:
        """No sound reply was delivered again, but for those that a kill has lost."""
        sound = self.came + Counter(self.machine.endpoint.stats("ids")["sound"])
        if twice := {name: n for name, n in sound.items() if n > 1 + self.lost[name]}:
            raise self.broken(f"replies were paid twice, and no kill has lost them: {twice}")

    def check_funnel(self, platform: Platform) -> None:
        """Of every stage: requested = failed + rejected + accepted."""
        for batch in self.rounds:
            try:
                funnel = platform.workspace.funnel(batch)
            except dg.Failure as error:
                if "it is not used" in str(error.description):  # a damaged file
                    continue
                raise
            for row in funnel.iter_rows(named=True):
                if row["requested"] != row["failed"] + row["rejected"] + row["accepted"] or row["accepted"] < 0:
                    raise self.broken(f"the funnel of {batch!r} does not add up: {row}")

    def check_gates(self, platform: Platform) -> None:
        """What the event log says of a gate, read here for itself, decides what can be read."""
        instance = platform.instance
        for batch in self.rounds:
            closed = self.closed(platform, batch)
            for key, table in platform.frontier.tables.items():
                if table.kind != "batch" or latest_materialization(instance, key, batch) is None:
                    continue
                stems = {key, *self.stem(platform, key, batch)} & closed
                if stems and self.readable(platform, key, batch):
                    names = ", ".join(one.to_user_string() for one in stems)
                    raise self.broken(f"{key.to_user_string()} of {batch!r} is read through the closed gate of {names}")

    def closed(self, platform: Platform, batch: str) -> set[dg.AssetKey]:
        """Tables of a batch whose latest version no check has passed."""
        found = set()
        for key, table in platform.frontier.tables.items():
            if table.kind != "batch" or table.stage is None:
                continue
            version = latest_materialization(platform.instance, key, batch)
            if version is None:
                continue
            check = dg.AssetCheckKey(key, gate_name(table.stage))
            history = platform.instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
            said = [record.evaluation for record in history if isinstance(record.evaluation, dg.AssetCheckEvaluation)]
            verdicts = [
                one
                for one in said
                if one.partition == batch
                and one.target_materialization_data
                and one.target_materialization_data.storage_id == version.storage_id
            ]
            if not verdicts or not (verdicts[0].passed or verdicts[0].severity != dg.AssetCheckSeverity.ERROR):
                found.add(key)
            elif batch in self.tight and table.stage == "complexity":
                found.add(key)  # its recipe asks for more since than any table has
        return found

    def stem(self, platform: Platform, key: dg.AssetKey, batch: str) -> set[dg.AssetKey]:
        """Every table that the latest version of a table was made from, as the event log has it."""
        found: set[dg.AssetKey] = set()
        todo = [key]
        while todo:
            version = latest_materialization(platform.instance, todo.pop(), batch)
            read = json.loads(noted(version, "made_from") or "{}").get("read", []) if version else []
            for name, partition, _ in read:
                source = dg.AssetKey.from_user_string(name)
                if partition == batch and source not in found:
                    found.add(source)
                    todo.append(source)
        return found

    def readable(self, platform: Platform, key: dg.AssetKey, partition: str) -> bool:
        """Whether the lake gives a table out."""
        try:
            platform.table(key, partition)
        except dg.Failure:
            return False
        return True

    def check_exports(self) -> None:
        """Every export that was written whole verifies."""
        for folder in sorted(self.exports):
            if self.do("verify", str(folder)) != 0:
                raise self.broken(f"the export {folder} does not verify: {self.said}")

    def check_canary(self) -> None:
        """No key is in any byte of the home, in what was exported, or in what a table holds."""
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            data = path.read_bytes()
            if path.suffix == ".parquet":
                with suppress(pl.exceptions.PolarsError, OSError):  # a file that this world has damaged
                    data += pl.read_parquet(path).write_json().encode()
            for secret in (CANARY, PASSWORD):
                if secret.encode() in data:
                    raise self.broken(f"{path} holds a key")

    def settle(self) -> None:
        """Mend everything, and have every batch go on: nothing is stuck, nothing is due, all is as without a fault."""
        self.fault({})
        for batch in sorted(self.tight):
            self.loosen(batch)
        for batch in sorted(self.rounds):
            self.go_on(batch)
        with self.opened() as platform:
            if left := platform.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
                raise self.broken(f"runs are left: {[(run.job_name, run.status, run.tags) for run in left]}")
            for batch in self.rounds:
                if due := platform.due(COLLECTED, batch):
                    raise self.broken(f"collected of {batch!r} is still due: {due}")
        asked = self.requests()
        for batch in sorted(self.rounds):
            self.must("run", "--batch", batch)
        if self.requests() != asked:
            raise self.broken(f"a run of what is done sent {self.requests() - asked} requests")
        self.check()
        self.check_exports()
        self.check_canary()

    def go_on(self, batch: str) -> None:
        """Run a batch until it is through, doing what the command says where only a user can."""
        for _ in range(3):
            if self.do("run", "--batch", batch) == 0:
                return
            if "register the seeds of batch" in self.said:
                self.must("seeds", "add", str(self.folder / f"{batch}.jsonl"), "--batch", batch)
        raise self.broken(f"batch {batch!r} does not go on: {self.said}")

    def tighten(self, batch: str) -> None:
        """Ask for more than any round can have."""
        self.must("recipe", "set", batch, "--kind", "batch", "gates.complexity.min_mean=9.99")
        self.tight.add(batch)

    def loosen(self, batch: str) -> None:
        """Ask for as little as before."""
        self.must("recipe", "set", batch, "--kind", "batch", "gates.complexity.min_mean=1.0")
        self.tight.discard(batch)
