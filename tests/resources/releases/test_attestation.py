"""A signed release: who signed what; a forged manifest, file, statement or key is refused by its name."""

import base64
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evergrow.resources.releases.attestation import (
    MOST_BYTES,
    KeyFileError,
    attestation,
    read_public_key,
    read_signer,
)
from evergrow.resources.releases.manifest import Manifest, file_entry, read_manifest
from evergrow.resources.releases.proof import verify_release
from evergrow.resources.releases.writing import write_release
from tests.keys import key_files
from tests.releases import facts, row, table

PLAIN = pem.NoEncryption()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return key_files(tmp_path, "own")


@pytest.fixture
def release(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    rows = table(row(1), row(2), row(3, split="test"))
    write_release(rows, tmp_path / "r", "chat", facts(), signer=read_signer(keys[0]))
    return tmp_path / "r"


def faults(folder: Path, public: Path) -> list[str]:
    return [str(fault) for fault in verify_release(folder, None, read_public_key(public)).faults]


def test_a_signed_release_verifies_by_its_key_and_is_a_statement_that_others_read(
    release: Path, keys: tuple[Path, Path]
) -> None:
    assert faults(release, keys[1]) == []

    envelope = json.loads((release / "manifest.intoto.json").read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    digest = file_entry(release / "manifest.json").sha256
    assert statement["subject"] == [{"name": "manifest.json", "digest": {"sha256": digest}}]
    # As the specification of DSSE says it, without the library.
    told = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    signed = f"DSSEv1 {len(kind)} {kind} {len(told)} ".encode() + told
    public = pem.load_pem_public_key(keys[1].read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)  # type: ignore[union-attr, call-arg]


def test_a_release_is_written_anew_over_a_signed_one_and_is_unsigned_then(
    release: Path, keys: tuple[Path, Path]
) -> None:
    write_release(table(row(1)), release, "chat", facts())

    assert verify_release(release).faults == ()
    assert faults(release, keys[1]) == [
        "manifest.intoto.json: is missing: the release is not signed; `evergrow export --key FILE` signs it"
    ]


def test_a_manifest_that_was_forged_and_sealed_again_is_named(release: Path, keys: tuple[Path, Path]) -> None:
    forged: Manifest = read_manifest(release).model_copy(update={"license": "CC0-1.0"})
    (release / "manifest.json").write_bytes(forged.sealed().to_bytes())

    assert verify_release(release).faults == ()  # whoever recomputes everything has made another release
    assert faults(release, keys[1]) == [
        "manifest.intoto.json: vouches for another manifest.json: that one was changed since"
    ]


def test_a_file_that_was_forged_is_named(release: Path, keys: tuple[Path, Path]) -> None:
    file = release / "train.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Done", b"Gone"))

    assert [fault.partition(":")[0] for fault in faults(release, keys[1])] == ["train.jsonl", "train.jsonl", "all rows"]


def test_another_key_and_a_statement_that_was_changed_are_refused(
    release: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    _, other = key_files(tmp_path, "other")
    refused = "manifest.intoto.json: was not signed by that key, or was changed since"
    assert faults(release, other) == [refused]

    file = release / "manifest.intoto.json"
    envelope = json.loads(file.read_text())
    told = base64.b64decode(envelope["payload"]).replace(b'"small"', b'"large"')
    file.write_text(json.dumps({**envelope, "payload": base64.b64encode(told).decode()}))
    assert faults(release, keys[1]) == [refused]
    for broken in ("", "[]", "{}", '{"payload": 1}', "\xff", json.dumps({**envelope, "signatures": []})):
        file.write_text(broken)
        (fault,) = faults(release, keys[1])
        assert fault.startswith("manifest.intoto.json: ")


@pytest.mark.parametrize("hostile", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe\x00", b'{"payload": "\xff"}'])
def test_a_statement_that_is_built_to_break_its_reader_is_a_fault(
    release: Path, keys: tuple[Path, Path], hostile: bytes
) -> None:
    (release / "manifest.intoto.json").write_bytes(hostile)

    assert faults(release, keys[1]) == ["manifest.intoto.json: is no signed in-toto statement"]


def test_a_statement_is_not_read_to_the_end_whatever_its_size(release: Path, keys: tuple[Path, Path]) -> None:
    with (release / "manifest.intoto.json").open("ab") as file:
        file.write(b" " * MOST_BYTES)  # of which JSON takes no notice

    assert faults(release, keys[1]) == ["manifest.intoto.json: is no signed in-toto statement"]


def test_a_signature_of_another_release_does_not_fit(release: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    write_release(table(row(9)), tmp_path / "s", "chat", facts(), signer=read_signer(keys[0]))
    shutil.copy(tmp_path / "s" / "manifest.intoto.json", release)

    assert "vouches for another manifest.json" in faults(release, keys[1])[0]


def test_a_file_without_such_a_key_is_named_with_the_remedy(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ec.key").write_bytes(curve.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, PLAIN))
    locked = pem.BestAvailableEncryption(b"secret")
    own = Ed25519PrivateKey.generate()
    (tmp_path / "locked.key").write_bytes(own.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked))
    (tmp_path / "empty.key").write_bytes(b"")
    for name, words in (
        ("nowhere.key", "cannot be read"),
        ("empty.key", "no private key"),
        ("locked.key", "without a password"),
        ("ec.key", "another kind than Ed25519"),
        (keys[1].name, "no private key"),
    ):
        with pytest.raises(KeyFileError, match=words) as error:
            read_signer(tmp_path / name)
        assert name in str(error.value)
    with pytest.raises(KeyFileError, match="no public key"):
        read_public_key(keys[0])


def test_the_same_key_signs_the_same_manifest_alike(release: Path, keys: tuple[Path, Path]) -> None:
    assert attestation(release, read_signer(keys[0])) == (release / "manifest.intoto.json").read_bytes()
