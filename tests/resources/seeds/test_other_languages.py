"""Functions of other languages, notebooks and stubs: what is taken, and what is said of the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from evergrow.resources.seeds.harvest import harvest
from evergrow.resources.seeds.source import SeedError, Seeds

SOURCES = {
    "a.js": """// Adds two numbers.
function add(a, b) {
  return a + b;
}

/** Doubles x. */
export const twice = (x) => {
  return 2 * x;
};

function undocumented(a) { return a; }

class Stack {
  /** Pushes x. */
  push(x) {
    this.items.push(x);
  }
}
""",
    "b.ts": "/** Returns its argument. */\nexport function identity<T>(x: T): T {\n  return x;\n}\n",
    "C.java": """package p;
/** Sums. */
public class C {
  /** Adds two numbers. */
  public static int add(int a, int b) {
    return a + b;
  }

  /** The size. */
  public int size() {
    return 3;
  }
}
""",
    "d.rs": """/// Adds one to x.
#[inline]
pub fn add_one(x: i32) -> i32 {
    x + 1
}

impl Foo {
    /// A new one.
    pub fn fresh() -> Self {
        Foo {}
    }
}
""",
    "e.go": "package e\n\n// Add returns the sum.\nfunc Add(a, b int) int {\n\treturn a + b\n}\n",
    "f.c": "#include <a.h>\n\n/* Adds two numbers. */\nint add(int a, int b) {\n  return a + b;\n}\n\nint decl(int);\n",
    "g.cpp": "namespace n {\n// Larger one.\ntemplate <class T>\nT larger(T a, T b) {\n  return a > b ? a : b;\n}}\n",
    "h.cs": "class H {\n  /// <summary>Adds.</summary>\n  static int Add(int a, int b) { return a + b; }\n}\n",
    "i.rb": "# Adds two numbers.\ndef add(a, b)\n  a + b\nend\n",
    "j.php": "<?php\n/** Adds two numbers. */\nfunction add($a, $b) {\n  return $a + $b;\n}\n",
}  # fmt: skip
FREE = {
    "src.C.C.add": "C.java:4", "src.a.add": "a.js:1", "src.a.twice": "a.js:6", "src.b.identity": "b.ts:1",
    "src.d.add-one": "d.rs:1", "src.e.Add": "e.go:3", "src.f.add": "f.c:3", "src.g.larger": "g.cpp:2",
    "src.h.H.Add": "h.cs:2", "src.i.add": "i.rb:1", "src.j.add": "j.php:2",
}  # fmt: skip


def grow(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def take(target: Path, **switches: Any) -> Seeds:
    return harvest(str(target), None, 1, 10_000, **switches)


def places(seeds: Seeds) -> dict[str, str]:
    return {name: place.partition("/")[2] for name, place in seeds.frame.select("seed_id", "source").iter_rows()}


def notebook(*cells: str | list[str], **metadata: Any) -> str:
    return json.dumps(
        {"nbformat": 4, "metadata": metadata, "cells": [{"cell_type": "code", "source": source} for source in cells]}
    )


def test_documented_functions_of_ten_languages_are_taken_with_their_comments(tmp_path: Path) -> None:
    seeds = take(grow(tmp_path / "src", dict(SOURCES)))
    contents = dict(seeds.frame.select("seed_id", "content").iter_rows())

    assert places(seeds) == FREE
    assert set(seeds.frame["kind"]) == {"code"}
    assert contents["src.d.add-one"] == "/// Adds one to x.\n#[inline]\npub fn add_one(x: i32) -> i32 {\n    x + 1\n}"
    assert contents["src.C.C.add"].startswith("/** Adds two numbers. */\npublic static int add")
    assert contents["src.g.larger"].startswith("// Larger one.\ntemplate")


def test_methods_and_classes_are_taken_when_they_are_asked_for(tmp_path: Path) -> None:
    python = 'class A:\n    """About."""\n\n    def f(self):\n        """Return 1."""\n        return 1\n'
    root = grow(tmp_path / "src", {**SOURCES, "k.py": python})

    methods = {"src.a.Stack.push", "src.C.C.size", "src.d.Foo.fresh", "src.k.A.f"}
    assert set(places(take(root, methods=True))) == set(FREE) | methods
    assert set(places(take(root, classes=True))) == set(FREE) | {"src.C.C", "src.k.A"}
    contents = dict(take(root, methods=True).frame.select("seed_id", "content").iter_rows())
    assert contents["src.k.A.f"] == 'def f(self):\n    """Return 1."""\n    return 1'


def test_cells_of_notebooks_are_harvested_and_a_wrong_one_spoils_no_other(tmp_path: Path) -> None:
    function = 'def f(x):\n    """Return x."""\n    return x\n'
    book = notebook("%matplotlib inline\n!ls\n" + function, "def broken(:", [line + "\n" for line in ("y = 1",)])
    other = notebook("x <- 1", kernelspec={"language": "R"})
    root = grow(
        tmp_path / "src",
        {"n.ipynb": book, "r.ipynb": other, "bad.ipynb": "{", "m.py": function.replace("return x\n", "return 2 * x\n")},
    )
    seeds = take(root)

    assert places(seeds)["src.n.cell-1.f"] == "n.ipynb#cell-1:3"
    said = " ".join(seeds.notes)
    for words in ("src/n.ipynb#cell-2", "src/r.ipynb (\"is a notebook of 'R'", "src/bad.ipynb"):
        assert words in said


def test_cells_of_other_programs_are_counted_and_timed_ones_are_python(tmp_path: Path) -> None:
    function = 'def {}(x):\n    """Return x."""\n    return {} * x\n'
    cells = ["%%bash\nls", "%%time\n" + function.format("f", 1), "\n%%capture out\n" + function.format("g", 2)]
    seeds = take(grow(tmp_path / "src", {"n.ipynb": notebook(*cells)}))

    assert set(places(seeds)) == {"src.n.cell-2.f", "src.n.cell-3.g"}
    assert "cells of notebooks that are no Python: 1 file: src/n.ipynb#cell-1" in " ".join(seeds.notes)


def test_a_single_file_of_any_language_is_a_target(tmp_path: Path) -> None:
    grow(tmp_path, dict(SOURCES))

    assert take(tmp_path / "e.go").frame["source"].to_list() == ["e.go:3"]
    grow(tmp_path, {"n.ipynb": notebook('def f(x):\n    """Return x."""\n    return x')})
    assert take(tmp_path / "n.ipynb").frame["source"].to_list() == ["n.ipynb#cell-1:1"]


def test_every_file_that_is_left_out_is_named_by_its_reason(tmp_path: Path) -> None:
    good = 'def f(x):\n    """Return x."""\n    return x\n'
    root = grow(
        tmp_path / "src",
        {
            "good.py": good,
            "rot.py": "# coding: rot13\nqrs s(): cnff\n",
            "undefined.py": "# coding: undefined\n",
            "latin.py": b"x = '\xff'\n",
            "broken.go": "package p\n\nfunc (((( {\n",
            "stub.pyi": "def f(x): ...\n",
            "min.js": "/** A. */function a(){}" + "x;" * 5_000,
            "made.go": "// Code generated by x. DO NOT EDIT.\npackage p\n// A does.\nfunc A() {}\n",
            "large.py": b"#" * 2_000_001,
        },
    )
    (root / "gone.py").symlink_to(root / "nowhere.py")
    (root / "loop").symlink_to(root, target_is_directory=True)
    notes = take(root).notes

    for reason, names in {
        "cannot be parsed": ["rot.py", "undefined.py", "latin.py", "broken.go"],
        "stubs without bodies": ["stub.pyi"],
        "made small by a program": ["min.js"],
        "generated by a program": ["made.go"],
        "larger than 2,000,000 bytes": ["large.py"],
        "links that lead nowhere": ["gone.py"],
    }.items():
        (note,) = [note for note in notes if reason in note]
        assert f"{len(names)} file" in note
        assert all(f"src/{name}" in note for name in names)
    assert len(notes) == 6


def test_the_licence_of_a_folder_is_found(tmp_path: Path) -> None:
    grow(tmp_path / "src", {"good.py": 'def f(x):\n    """Return x."""\n    return x\n'})

    assert take(tmp_path / "src").frame["license"].to_list() == [None]
    grow(
        tmp_path,
        {"LICENSE": "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy"},
    )
    assert take(tmp_path / "src").frame["license"].to_list() == ["MIT"]
    grow(tmp_path / "src", {"pyproject.toml": '[project]\nname = "x"\nlicense = "Apache-2.0"\n'})
    assert take(tmp_path / "src").frame["license"].to_list() == ["Apache-2.0"]
    grow(tmp_path / "src", {"pyproject.toml": "[project\n"})
    assert take(tmp_path / "src").frame["license"].to_list() == ["MIT"]


def test_nothing_to_take_says_why(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"left out, stubs without bodies \(\.pyi\): 1 file: src/a\.pyi"):
        take(grow(tmp_path / "src", {"a.pyi": "def f(x): ...\n"}))
