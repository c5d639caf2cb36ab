"""Who vouches for a release: an in-toto statement (version 1) about its manifest, in a signed DSSE envelope.

The manifest names every file by its checksum, so whoever signs it signs all of them. Keys are Ed25519, in PEM files:
`openssl genpkey -algorithm ed25519 -out release.key` and `openssl pkey -in release.key -pubout -out release.pub`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evergrow.resources.releases.manifest import ATTESTATION, MANIFEST, ManifestError, file_entry, read_manifest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://evergrow.dev/release/v1"
PAYLOAD = "application/vnd.in-toto+json"
MOST_BYTES = 64_000_000  # of a statement; one of thousands of files has some hundred kilobytes
MAKE_KEY = "make one with `openssl genpkey -algorithm ed25519 -out FILE`"
MAKE_PUBLIC = "make it with `openssl pkey -in PRIVATE_KEY -pubout -out FILE`"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, as securesystemslib signs with it."""

    private: Any


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, as securesystemslib verifies by it."""

    public: Any


class KeyFileError(Exception):
    """A file holds no key of the kind that is needed; the message names it and the remedy."""


def read_signer(file: Path) -> Signer:
    """The private key in a PEM file.

    Raises:
        KeyFileError: it cannot be read, or holds no Ed25519 private key that is not encrypted.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        key = load_pem_private_key(_bytes(file), password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{file} holds no private key in PEM without a password: {MAKE_KEY}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{file} holds a key of another kind than Ed25519: {MAKE_KEY}")
    return Signer(CryptoSigner(key))


def read_public_key(file: Path) -> Key:
    """The public key in a PEM file.

    Raises:
        KeyFileError: it cannot be read, or holds no Ed25519 public key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        key = load_pem_public_key(_bytes(file))
    except ValueError as error:
        raise KeyFileError(f"{file} holds no public key in PEM: {MAKE_PUBLIC}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{file} holds a key of another kind than Ed25519: {MAKE_PUBLIC}")
    return Key(SSlibKey.from_crypto(key))


def attestation(folder: Path, signer: Signer) -> bytes:
    """The signed statement about the manifest of the release in `folder`."""
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - imports cryptography

    manifest = read_manifest(folder)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": MANIFEST, "digest": {"sha256": file_entry(folder / MANIFEST).sha256}}],
        "predicateType": PREDICATE,
        "predicate": {
            "release": manifest.name,
            "date": manifest.date,
            "form": manifest.form,
            "rows": manifest.rows.model_dump(),
            "files": {file.path: file.sha256 for file in manifest.files},
            "madeFrom": manifest.lake,
            "evergrow": manifest.code_version,
        },
    }
    envelope = Envelope(json.dumps(statement, sort_keys=True).encode(), PAYLOAD, {})
    envelope.sign(signer.private)
    return (json.dumps(envelope.to_dict(), indent=1) + "\n").encode()


def unattested(folder: Path, key: Key) -> str | None:
    """Why the owner of `key` does not vouch for the release in `folder`, in words that follow the file's name."""
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - imports cryptography
    from securesystemslib.exceptions import VerificationError  # noqa: PLC0415

    try:
        with (folder / ATTESTATION).open("rb") as file:
            told = file.read(MOST_BYTES + 1)
        envelope = Envelope.from_dict(json.loads(told if len(told) <= MOST_BYTES else b""))
        envelope.verify([key.public], 1)
        statement = json.loads(envelope.payload)
        subjects = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    except FileNotFoundError:
        return "is missing: the release is not signed; `evergrow export --key FILE` signs it"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except VerificationError:
        return "was not signed by that key, or was changed since"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # of bytes that are not UTF-8, too
        return "is no signed in-toto statement"
    if (envelope.payload_type, statement.get("_type"), statement.get("predicateType")) != (
        PAYLOAD,
        STATEMENT,
        PREDICATE,
    ):
        return "is a statement of another kind"
    try:
        found = file_entry(folder / MANIFEST).sha256
    except OSError as error:
        raise ManifestError(f"{folder / MANIFEST} cannot be read: {error}") from error
    return None if subjects.get(MANIFEST) == found else f"vouches for another {MANIFEST}: that one was changed since"


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{file}: the key cannot be read: {error.strerror or error}") from error
