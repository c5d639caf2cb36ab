"""What bytes are, by their first characters and never by a name: tables, compressions, or what holds no table."""

import re
from enum import StrEnum

from evergrow.resources.seeds.raw import UnreadableError


class Format(StrEnum):
    """Binary formats that are read."""

    PARQUET = "Parquet"
    ARROW_FILE = "Arrow file"
    ARROW_STREAM = "Arrow stream"


class Compression(StrEnum):
    """Compressions that are undone."""

    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bz2"
    XZ = "xz"
    ZIP = "zip"


FORMATS = {b"PAR1": Format.PARQUET, b"ARROW1": Format.ARROW_FILE}
COMPRESSIONS = {
    b"\x1f\x8b": Compression.GZIP,
    b"\x28\xb5\x2f\xfd": Compression.ZSTD,
    b"BZh": Compression.BZIP2,
    b"\xfd7zXZ\x00": Compression.XZ,
    b"PK\x03\x04": Compression.ZIP,
    b"PK\x05\x06": Compression.ZIP,
}
AS_TEXT = "only texts can be seeds"
ELSEWHERE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"SQLite format 3\0", "is an SQLite database: sqlite3 -json FILE 'select * from TABLE' > seeds.json"),
    (8, b"DUCK", "is a DuckDB database: duckdb FILE -c \"copy TABLE to 'seeds.parquet'\""),
    (0, b"%PDF-", "is a PDF document: take its text out with `pdftotext FILE`, and write one JSON object per task"),
    (0, b"\xd0\xcf\x11\xe0", "is an old Office document: libreoffice --headless --convert-to csv:Text:44,34,76 FILE"),
    (0, b"\x80\x02", "PICKLE"),
    (0, b"\x80\x03", "PICKLE"),
    (0, b"\x80\x04", "PICKLE"),
    (0, b"\x80\x05", "PICKLE"),
    (0, b"\x93NUMPY", "is a NumPy array: polars.DataFrame({'content': array}).write_parquet('seeds.parquet')"),
    (0, b"\x89HDF\r\n", "is an HDF5 file: pandas.read_hdf(FILE).to_parquet('seeds.parquet')"),
    (0, b"Obj\x01", "is an Avro file: polars.read_avro(FILE).write_parquet('seeds.parquet')"),
    (0, b"ORC", "is an ORC file: pandas.read_orc(FILE).to_parquet('seeds.parquet')"),
    (0, b"FEA1", "is Feather of version 1: write version 2, pyarrow.feather.write_feather(table, 'seeds.arrow')"),
    (257, b"ustar", "is a tar archive: unpack it with `tar -xf FILE`, and name the file in it"),
    (0, b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it with `7z x FILE`, and name the file in it"),
    (0, b"Rar!", "is a RAR archive: unpack it with `unrar x FILE`, and name the file in it"),
    (0, b"\x04\x22\x4d\x18", "is compressed with lz4: unpack it with `lz4 -d FILE`"),
    (0, b"\xff\x06\x00\x00sNaPpY", "is compressed with snappy: unpack it, or compress it with gzip or zstd instead"),
    (0, b"\x89PNG", f"is a PNG picture: {AS_TEXT}"),
    (0, b"\xff\xd8\xff", f"is a JPEG picture: {AS_TEXT}"),
    (0, b"GIF8", f"is a GIF picture: {AS_TEXT}"),
    (0, b"\x7fELF", f"is a program: {AS_TEXT}"),
    (0, b"\0asm", f"is a WebAssembly program: {AS_TEXT}"),
    (0, b"GGUF", f"is a model's weights (GGUF): {AS_TEXT}"),
    (0, b"OggS", f"is sound (Ogg): {AS_TEXT}"),
    (0, b"ID3", f"is sound (MP3): {AS_TEXT}"),
    (0, b"RIFF", f"is sound or film (RIFF): {AS_TEXT}"),
    (4, b"ftyp", f"is a film (MP4): {AS_TEXT}"),
    (0, b"{\\rtf", "is an RTF document: save it as CSV or as JSON lines"),
)  # fmt: skip
PICKLE = (
    "is a Python pickle, which would run code when it is read: where it was made, write Parquet instead, such as "
    "pandas.DataFrame(rows).to_parquet('seeds.parquet')"
)
LFS_POINTER = b"version https://git-lfs"
HTML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
XML = re.compile(r"\s*<(?:\?xml\b|[A-Za-z][\w:.-]*(?:\s[^<>]*)?>)")
YAML = re.compile(r"(?:---\s*\n|\s*- \w[\w ]*:(?:\s|$)|\s*\w+:\s*\n\s+- )")
PYTHON = re.compile(r"(?m)^(?:import \w|from \w[\w.]* import |def \w+\(|class \w+[(:]|#!.*python)")
SQL = re.compile(r"(?i)\s*(?:--[^\n]*\n\s*)*(?:insert into|create table|begin;|pragma )")
SCRIPT = re.compile(
    r"\s*(?:(?:var|let|const)\s+[\w$]+\s*=|module\.exports\s*=|export\s+default\b|[\w$.]+\s*\(\s*[\[{])"
)


def format_of(data: bytes) -> Format | None:
    """The binary format of `data`, if it is one that is read."""
    if data[:4] == b"\xff\xff\xff\xff" and data[6:8] == b"\0\0":  # a mark, then the length of the schema
        return Format.ARROW_STREAM
    return next((known for start, known in FORMATS.items() if data.startswith(start)), None)


def compression_of(data: bytes) -> Compression | None:
    """How `data` is compressed, if in a way that is undone."""
    return next((known for start, known in COMPRESSIONS.items() if data.startswith(start)), None)


def refuse_foreign(data: bytes) -> None:
    """Refuse bytes that are known to be something else than a table.

    Raises:
        UnreadableError: it says what they are and how a table is made of them.
    """
    for offset, start, words in ELSEWHERE:
        if data[offset : offset + len(start)] == start:
            raise UnreadableError(PICKLE if words == "PICKLE" else words)
    if data.startswith(LFS_POINTER):
        raise UnreadableError(
            "is a pointer of Git LFS, not the file itself: fetch that with `git lfs pull`, in the folder of its clone"
        )


def refuse_foreign_text(text: str) -> None:
    """Refuse a text that is no JSON and has no header of a CSV.

    Raises:
        UnreadableError: always; it says what the text looks like and how a table is made of it.
    """
    if HTML.match(text):
        title = TITLE.search(text)
        named = f" with the title {' '.join(title[1].split())!r}" if title else ""
        raise UnreadableError(
            f"is an HTML page{named}, perhaps one that says why the download failed: download the file itself (on "
            "Hugging Face the link has /resolve/ instead of /blob/, on GitHub it is `Raw`)"
        )
    if XML.match(text):
        raise UnreadableError("is XML: pandas.read_xml(FILE).to_json('seeds.jsonl', orient='records', lines=True)")
    if SQL.match(text):
        raise UnreadableError("is an SQL script: load it into a database, and write its table as CSV")
    if PYTHON.search(text[:5_000]):
        raise UnreadableError("is Python source: `evergrow seeds harvest FILE --batch B` takes its functions")
    if SCRIPT.match(text):
        raise UnreadableError("is JavaScript, not JSON: leave only the array itself in the file, from [ to ]")
    if YAML.match(text):
        as_json = "import json,sys,yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
        raise UnreadableError(f'looks like YAML: python3 -c "{as_json}" < FILE > seeds.json')
