"""Puts a release into a dataset repository of the Hugging Face hub, in one commit; a dry run sends nothing at all.

The token comes from the environment (`HF_TOKEN`) and from nowhere else: not from the hub client's own file, so that
nobody publishes by accident. `HF_ENDPOINT` names another hub, as it does everywhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evergrow.methods.releasing.splits import SPLITS
from evergrow.resources.releases.croissant import CROISSANT
from evergrow.resources.releases.manifest import ATTESTATION, CARD, FUNNEL, MANIFEST, read_manifest
from evergrow.resources.releases.proof import verify_release

TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
HUB = "https://huggingface.co"
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")
# What an earlier release of another form or with other splits may have left in a repository.
OURS = {
    ATTESTATION,
    CARD,
    CROISSANT,
    FUNNEL,
    MANIFEST,
    *(f"{split}.{suffix}" for split in SPLITS for suffix in ("jsonl", "parquet")),
}


class PushError(Exception):
    """A release was not pushed; the message says why and what to do. The repository holds no half of it."""


class RepositoryNameError(PushError):
    """The name cannot be a repository's."""


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push sends, or has sent.

    Attributes:
        repo_id: `owner/name` of the dataset repository.
        endpoint: the hub.
        private: whether the repository is to be private.
        files: path and size in bytes.
        token: whether there is one.
        sent: the address of the commit; None for a dry run.
    """

    repo_id: str
    endpoint: str
    private: bool
    files: tuple[tuple[str, int], ...]
    token: bool
    sent: str | None = None


def push(
    folder: Path, repo_id: str, environ: Mapping[str, str], *, private: bool = True, dry_run: bool = True
) -> PushPlan:
    """Send the release in `folder` to the dataset repository `repo_id`, which is made if need be.

    Args:
        folder: of the release.
        repo_id: `owner/name`.
        environ: the environment, for `HF_TOKEN` and `HF_ENDPOINT`.
        private: make the repository private, and send nothing to one that is public.
        dry_run: say what would be sent, and send nothing.

    Raises:
        ManifestError: the folder holds no release.
        RepositoryNameError: the name cannot be a repository's.
        PushError: the release does not verify, there is no token, or the hub refused.
    """
    plan = _plan(folder, repo_id, environ, private)
    if dry_run:
        return plan
    if not plan.token:
        raise PushError(f"there is no token: set {TOKEN} to one that may write to {repo_id}")
    return replace(plan, sent=_send(folder, plan, environ[TOKEN].strip()))


def _plan(folder: Path, repo_id: str, environ: Mapping[str, str], private: bool) -> PushPlan:  # noqa: FBT001
    if not REPOSITORY.fullmatch(repo_id):
        raise RepositoryNameError(f"{repo_id!r} is no name of a repository: write OWNER/NAME")
    manifest, report = read_manifest(folder), verify_release(folder)
    if report.faults:
        raise PushError(f"{folder} is not what was released ({report.faults[0]}): make the release again")
    names = manifest.names | ({ATTESTATION} if (folder / ATTESTATION).is_file() else frozenset())
    files = tuple((name, (folder / name).stat().st_size) for name in sorted(names))
    endpoint = (environ.get(ENDPOINT) or HUB).rstrip("/")
    return PushPlan(repo_id, endpoint, private, files, bool(environ.get(TOKEN, "").strip()))


def _send(folder: Path, plan: PushPlan, token: str) -> str:
    """Returns the address of the commit.

    All files go in one commit, unlike with `upload_folder`: nobody sees a repository that holds half of a release.
    """
    import httpx2  # noqa: PLC0415 - what the hub's client speaks through
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi  # noqa: PLC0415 - heavy
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415 - heavy

    api = HfApi(endpoint=plan.endpoint, token=token)
    names = [name for name, _ in plan.files]
    try:
        api.create_repo(plan.repo_id, repo_type="dataset", private=plan.private, exist_ok=True)
        there = api.dataset_info(plan.repo_id)
        if plan.private and not there.private:
            raise PushError(f"{plan.repo_id} is there already, and public: push it with --public, or name another")
        stale = sorted((OURS & {file.rfilename for file in there.siblings or ()}) - set(names))
        done = api.create_commit(
            plan.repo_id,
            [
                *(CommitOperationDelete(path_in_repo=name) for name in stale),
                *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names),
            ],
            commit_message=f"Release {read_manifest(folder).name}",
            repo_type="dataset",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        remedy = f"check {TOKEN} and its rights" if status in (401, 403, 404) else "try again later"
        told = (error.server_message or str(error)).partition("\n")[0]
        raise PushError(f"{plan.endpoint} refused {plan.repo_id} ({status}): {told}; {remedy}") from error
    except OfflineModeIsEnabled as error:
        raise PushError("HF_HUB_OFFLINE is set, so that nothing can be sent: unset it") from error
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise PushError(f"{plan.repo_id} was not sent to {plan.endpoint}: {error}") from error
    return done.commit_url
