"""Undoes gzip, zstd, bz2, xz and zip, up to a limit, so that a small file cannot fill the memory."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import IO, Any

from evergrow.resources.seeds.raw import TooLargeError, UnreadableError
from evergrow.resources.seeds.recognition import Compression, compression_of
from evergrow.resources.seeds.source import listed

CHUNK = 1 << 20
LISTED_IN_ZIPS = ("__MACOSX/", ".DS_Store", "Thumbs.db")  # what archivers add by themselves
OFFICE = {"xl/": "an Excel workbook", "word/": "a Word document", "ppt/": "a PowerPoint file"}
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


def inflate(data: bytes, max_bytes: int) -> bytes:
    """`data` itself, or what is compressed in it.

    Args:
        data: the bytes of a file.
        max_bytes: most bytes of the result (setting `seeds.max_bytes`).

    Raises:
        UnreadableError: it is damaged, larger than `max_bytes`, a zip without exactly one file, or compressed twice.
    """
    compression = compression_of(data)
    if compression is None:
        return data
    try:
        with _opened(data, compression) as stream:
            inner = _read(stream, compression, max_bytes)
    except NotImplementedError as error:  # Python's zipfile knows fewer methods than other programs
        raise UnreadableError(
            f"is compressed with {compression} in a way that cannot be read here ({error}): unpack it with "
            "`7z x FILE`, and name the file in it"
        ) from error
    except BROKEN as error:
        raise UnreadableError(
            f"is compressed with {compression} and damaged or cut off ({error}): download or write it again"
        ) from error
    if twice := compression_of(inner):
        raise UnreadableError(f"holds a {twice} file inside of its {compression}: unpack the outer one first")
    return inner


def _opened(data: bytes, compression: Compression) -> IO[bytes] | Any:  # noqa: ANN401 - pyarrow has no types
    match compression:
        case Compression.GZIP:
            return gzip.GzipFile(fileobj=io.BytesIO(data))
        case Compression.BZIP2:
            return bz2.BZ2File(io.BytesIO(data))
        case Compression.XZ:
            return lzma.LZMAFile(io.BytesIO(data))
        case Compression.ZIP:
            return _only_member(zipfile.ZipFile(io.BytesIO(data)))
        case Compression.ZSTD:
            import pyarrow  # noqa: PLC0415 - takes long to import, and few files need it

            return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd")


def _only_member(archive: zipfile.ZipFile) -> IO[bytes]:
    names = archive.namelist()
    for folder, what in OFFICE.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            raise UnreadableError(
                f"is {what}: save the sheet as CSV, with UTF-8, or libreoffice --headless --convert-to "
                "csv:Text:44,34,76 FILE"
            )
    if "mimetype" in names and "content.xml" in names:
        raise UnreadableError("is an OpenDocument file: libreoffice --headless --convert-to csv:Text:44,34,76 FILE")
    if any(name.endswith("data.pkl") for name in names):
        raise UnreadableError("is a checkpoint of PyTorch, which holds no table: write the texts as JSON lines")
    members = [m for m in archive.infolist() if not m.is_dir() and not any(n in m.filename for n in LISTED_IN_ZIPS)]
    if len(members) != 1:
        inside = f" ({listed([m.filename for m in members], 5)})" if members else ""
        raise UnreadableError(
            f"is a zip of {len(members):,} files{inside}, not of one: unpack it with `unzip FILE`, and name the one "
            "that holds the seeds"
        )
    if members[0].flag_bits & 1:
        raise UnreadableError("is a zip with a password: unpack it with `unzip FILE`, and name the file in it")
    return archive.open(members[0])


def _read(stream: IO[bytes], compression: Compression, max_bytes: int) -> bytes:
    parts, size = [], 0
    while part := stream.read(CHUNK):
        size += len(part)
        if size > max_bytes:
            raise TooLargeError(
                f"is compressed with {compression} and holds more than {max_bytes:,} bytes: split it, or raise the "
                "setting seeds.max_bytes (EVERGROW_SEEDS__MAX_BYTES)"
            )
        parts.append(part)
    return b"".join(parts)
