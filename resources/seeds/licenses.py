"""The licence of a folder of source: what its files say, as an SPDX identifier where they can be told."""

import json
import re
import tomllib
from pathlib import Path

MAX_BYTES = 200_000
NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "license*")
WORDS: tuple[tuple[str, str], ...] = (
    (r"SPDX-License-Identifier:\s*([\w.+-]+)", ""),
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Mozilla Public License,? [Vv]ersion 2\.0", "MPL-2.0"),
    (r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", "AGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", "LGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1", "LGPL-2.1"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 3", "GPL-3.0"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 2", "GPL-2.0"),
    (r"Permission is hereby granted, free of charge, to any person obtaining", "MIT"),
    (r"Permission to use, copy, modify, and(?:/or)? distribute this software for any\s+purpose", "ISC"),
    (r"Redistribution and use in source and binary forms[\s\S]*Neither the name", "BSD-3-Clause"),
    (r"Redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"This is free and unencumbered software released into the public domain", "Unlicense"),
    (r"CC0 1\.0 Universal", "CC0-1.0"),
)


def folder_license(folder: Path) -> str | None:
    """The licence of the project that `folder` is or lies in: the nearest one, up to the top of a checkout."""
    for place in (folder, *folder.parents):
        if found := _manifest_license(place) or _file_license(place):
            return found
        if (place / ".git").exists():
            return None
    return None


def _file_license(folder: Path) -> str | None:
    for path in sorted({path for name in NAMES for path in folder.glob(name)}):
        text = _text(path)
        for pattern, name in WORDS:
            if found := re.search(pattern, text):
                return name or found[1]
    return None


def _manifest_license(folder: Path) -> str | None:
    try:
        if text := _text(folder / "pyproject.toml"):
            given = tomllib.loads(text).get("project", {}).get("license")
            return given if isinstance(given, str) else None
        if text := _text(folder / "Cargo.toml"):
            given = tomllib.loads(text).get("package", {}).get("license")
            return given if isinstance(given, str) else None
        if text := _text(folder / "package.json"):
            given = json.loads(text).get("license")
            return given if isinstance(given, str) else None
    except (ValueError, AttributeError, RecursionError):
        return None  # a manifest that cannot be read says nothing; the licence's own file may
    return None


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
