import os
import subprocess
import sys
from pathlib import Path

import pytest

from evergrow.methods.releasing.formats import Form
from evergrow.resources.releases.manifest import ManifestError
from evergrow.resources.releases.proof import verify_release
from evergrow.resources.releases.pushing import PushError, push
from evergrow.resources.releases.writing import write_release
from tests.fake_hub import Hub, hub
from tests.releases import facts, row, table

REPO = "someone/small"
PROGRAM = """
import os, sys
from pathlib import Path
from evergrow.resources.releases.manifest import ManifestError
from evergrow.resources.releases.pushing import push
print(push(Path(sys.argv[1]), sys.argv[2], os.environ, dry_run=False).sent)
"""


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return made(tmp_path / "release")


def made(folder: Path, form: Form = "chat", name: str = "small") -> Path:
    write_release(table(row(1), row(2, split="test")), folder, form, facts(name=name))
    return folder


def environ(running: Hub, token: str | None = "hf_secret") -> dict[str, str]:
    return {"HF_ENDPOINT": running.url, **({"HF_TOKEN": token} if token else {})}


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(release: Path) -> None:
    with hub() as running:
        plan = push(release, REPO, environ(running))
        without = push(release, REPO, environ(running, token=None))

    sizes = {path.name: path.stat().st_size for path in release.iterdir()}
    assert dict(plan.files) == sizes
    assert set(sizes) == {"README.md", "croissant.json", "funnel.svg", "manifest.json", "test.jsonl", "train.jsonl"}
    assert (plan.repo_id, plan.endpoint, plan.private, plan.token, plan.sent) == (REPO, running.url, True, True, None)
    assert not without.token
    assert running.requests == []
    assert "hf_secret" not in repr(plan)


def test_what_is_pushed_is_the_release_in_one_commit(release: Path, tmp_path: Path) -> None:
    with hub() as running:
        plan = push(release, REPO, environ(running), dry_run=False)

    repository = running.repositories[REPO]
    assert repository.private
    assert repository.commits == ["Release small"]
    assert plan.sent is not None
    assert plan.sent.startswith(running.url)
    assert fetched(repository.files, tmp_path / "fetched") == []


def test_a_later_release_replaces_the_earlier_one_and_leaves_files_of_others(release: Path, tmp_path: Path) -> None:
    with hub() as running:
        push(release, REPO, environ(running), private=False, dry_run=False)
        running.repositories[REPO].files["notes.txt"] = b"mine"
        push(made(tmp_path / "next", "parquet", "next"), REPO, environ(running), private=False, dry_run=False)

    repository = running.repositories[REPO]
    assert not repository.private
    kept = {".gitattributes", "notes.txt"}
    assert set(repository.files) - kept == {
        "README.md", "croissant.json", "funnel.svg", "manifest.json", "test.parquet", "train.parquet"
    }  # fmt: skip
    del repository.files["notes.txt"]
    assert fetched(repository.files, tmp_path / "fetched") == []


def test_pushing_again_changes_nothing(release: Path) -> None:
    with hub() as running:
        push(release, REPO, environ(running), dry_run=False)
        push(release, REPO, environ(running), dry_run=False)

    assert len(running.repositories[REPO].commits) == 1


def test_large_files_go_by_the_large_file_storage(release: Path, tmp_path: Path) -> None:
    """The client reads its settings when it is imported: this one must not use the storage's newer protocol."""
    with hub(large=("train.jsonl",)) as running:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(release), REPO],
            env=os.environ | environ(running) | {"HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "hf")},
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert list(running.objects.values()) == [(release / "train.jsonl").read_bytes()]
    assert fetched(running.repositories[REPO].files, tmp_path / "fetched") == []


def test_without_a_token_nothing_is_sent(release: Path) -> None:
    with hub() as running, pytest.raises(PushError, match="set HF_TOKEN"):
        push(release, REPO, environ(running, token=" "), dry_run=False)

    assert running.requests == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_release_that_does_not_verify_is_refused(release: Path, dry_run: bool) -> None:
    (release / "train.jsonl").write_bytes((release / "train.jsonl").read_bytes().replace(b"Done", b"Gone"))

    with hub() as running, pytest.raises(PushError, match=r"train\.jsonl: was changed"):
        push(release, REPO, environ(running), dry_run=dry_run)

    assert running.requests == []


@pytest.mark.parametrize("name", ["small", "a/b/c", "../up/x", "a/", "", "https://x/y"])
def test_a_name_that_is_none_is_refused(release: Path, name: str) -> None:
    with pytest.raises(PushError, match="OWNER/NAME"):
        push(release, name, {})


def test_a_folder_without_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="holds no release"):
        push(tmp_path, REPO, {})


def test_a_private_release_never_goes_to_a_public_repository(release: Path) -> None:
    with hub() as running:
        push(release, REPO, environ(running), private=False, dry_run=False)
        with pytest.raises(PushError, match="public"):
            push(release, REPO, environ(running), private=True, dry_run=False)


@pytest.mark.parametrize(
    ("state", "token", "said"),
    [
        ({}, "hf_wrong", r"refused .*\(401\).*check HF_TOKEN"),
        ({"status": 403}, "hf_secret", r"\(403\).*check HF_TOKEN"),
    ],
)
def test_a_refusal_of_the_hub_is_one_message(release: Path, state: dict[str, int], token: str, said: str) -> None:
    with hub(**state) as running, pytest.raises(PushError, match=said) as raised:
        push(release, REPO, environ(running, token), dry_run=False)

    assert token not in str(raised.value)
    assert "train.jsonl" not in getattr(running.repositories.get(REPO), "files", {})


def test_a_card_that_the_hub_refuses_is_one_message(tmp_path: Path) -> None:
    write_release(table(row(1, license="CC0-1.0")), tmp_path / "r", "chat", facts())

    with hub() as running, pytest.raises(PushError, match="Invalid metadata"):
        push(tmp_path / "r", REPO, environ(running), dry_run=False)

    assert running.repositories[REPO].commits == []


def test_a_hub_that_cannot_be_reached_is_one_message(release: Path) -> None:
    with hub() as running:
        pass

    with pytest.raises(PushError, match="was not sent"):
        push(release, REPO, environ(running), dry_run=False)


def fetched(files: dict[str, bytes], folder: Path) -> list[object]:
    """Faults of the release that a repository holds."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return list(verify_release(folder).faults)
