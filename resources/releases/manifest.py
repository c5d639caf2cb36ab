"""The manifest of a release: what is in it, to the last byte, and what it was made from."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evergrow.methods.releasing.formats import Form
from evergrow.methods.releasing.training_recipes import CONFIGURATIONS
from evergrow.resources.host.files import digest_of

MANIFEST, CARD, FUNNEL = "manifest.json", "README.md", "funnel.svg"
ATTESTATION = "manifest.intoto.json"  # who vouches for the manifest; it is not among its files
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # a file beside the manifest: no path leads out of the folder
SHA256 = r"^[0-9a-f]{64}$"


class ManifestError(Exception):
    """A folder's manifest is missing or cannot be read; the message names it and the remedy."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Part):
    """A file of the release; `split` is None for files without rows."""

    path: str = Field(pattern=NAME)
    sha256: str = Field(pattern=SHA256)
    bytes: int = Field(ge=0)
    split: str | None = None


class RowSet(_Part):
    """How many rows, and the digest of all of them (`methods.releasing.digests`)."""

    rows: int = Field(ge=0)
    digest: str = Field(pattern=SHA256)


class Manifest(_Part):
    """What `manifest.json` holds; `digest` is of all the rest.

    `edited` names the trainer's configurations that are as their user edited them, not as evergrow writes them.
    """

    format: Literal[1] = 1
    made_by: Literal["evergrow"] = "evergrow"
    name: str
    date: str
    form: Form
    answered: bool = True
    selection: str
    reasoning: bool = False
    batches: list[str]
    trees: list[str]
    files: list[FileEntry]
    rows: RowSet
    splits: dict[str, RowSet]
    columns: dict[str, str]
    left_out: dict[str, int]
    license: str | None
    models: list[dict[str, Any]]
    prompts: dict[str, str]
    price_tables: list[str]
    benchmarks: list[dict[str, Any]] | None
    benchmarks_missing: list[str]
    lake: dict[str, str]
    gates: list[dict[str, Any]] = []
    edited: list[str] = []
    settings_digest: str | None
    code_version: str | None
    digest: str = Field("0" * 64, pattern=SHA256)

    def sealed(self) -> "Manifest":
        """This manifest with the digest of what it says."""
        return self.model_copy(update={"digest": self.own_digest()})

    def own_digest(self) -> str:
        """The digest of everything but the digest; manifests of earlier versions do not say what came later."""
        unsaid = {name for name in ("gates",) if name not in self.model_fields_set}
        unsaid |= self._for_itself()
        told = json.dumps(
            self.model_dump(exclude={"digest", *unsaid}), sort_keys=True, separators=(",", ":"), default=str
        )
        return hashlib.sha256(told.encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """The file."""
        told = self.model_dump(exclude=self._for_itself())
        return (json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n").encode()

    def _for_itself(self) -> set[str]:
        """What goes without saying: earlier versions, which do not know these names, can read the file."""
        return {name for name in ("reasoning", "edited") if not getattr(self, name)}

    def keeping(self, edited: Collection[FileEntry]) -> "Manifest":
        """This manifest, sealed, where these files take the place of what evergrow wrote."""
        own = {entry.path: entry for entry in edited}
        files = [own.get(entry.path, entry) for entry in self.files]
        return self.model_copy(update={"files": files, "edited": sorted(own)}).sealed()

    @property
    def names(self) -> frozenset[str]:
        """The files of the release, the manifest among them."""
        return frozenset({MANIFEST, *(file.path for file in self.files)})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the release in `folder`.

    Raises:
        ManifestError: there is none, or it is none of evergrow's.
    """
    path = folder / MANIFEST
    if path.exists() and not path.is_file():  # a pipe would be waited for, for ever
        raise ManifestError(f"{path} cannot be read: it is no file")
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ManifestError(f"{folder} holds no release: it has no {MANIFEST}; name a release's folder") from error
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ManifestError(
            f"{path} is no manifest of a release: {place}: {first['msg']}; make the release again"
        ) from error


def edited(folder: Path, entry: FileEntry) -> bool:
    """Whether a file of a release is a trainer's configuration that somebody has edited, as who trains may.

    A link in its place is no edit: it may lead to anything on this machine, which must not come into a release.
    """
    path = folder / entry.path
    return entry.path in CONFIGURATIONS and path.is_file() and not path.is_symlink() and file_entry(path) != entry


def file_entry(path: Path, split: str | None = None) -> FileEntry:
    """The entry of a file that is there."""
    return FileEntry(path=path.name, sha256=digest_of(path), bytes=path.stat().st_size, split=split)
