import ast
import os
import sysconfig
from pathlib import Path

import pytest

from evergrow.resources.seeds.harvest import harvest
from evergrow.resources.seeds.source import SeedError, Seeds

DOCUMENTED = 'def {name}(x):\n    """Return {name} of x."""\n    return x + {number}\n'


def grow(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def functions(*names: str) -> str:
    return "\n\n".join(DOCUMENTED.format(name=name, number=number) for number, name in enumerate(names))


def take(target: Path | str, limit: int | None = None, min_chars: int = 1, max_chars: int = 10_000) -> Seeds:
    return harvest(str(target), limit, min_chars, max_chars)


def seed_ids(seeds: Seeds) -> list[str]:
    return seeds.frame["seed_id"].to_list()


def test_documented_functions_are_taken_with_their_place(tmp_path: Path) -> None:
    text = '''import functools


@functools.cache
def first_one(x):
    """Double x."""
    return 2 * x


async def second(x):
    """Triple é."""
    return 3 * x  # é
'''
    frame = take(grow(tmp_path / "pkg", {"a/b_c.py": text})).frame
    assert frame.columns == ["id", "seed_id", "content", "kind", "source", "license"]
    assert frame.select("id", "kind", "source", "license").rows() == [
        ("pkg.a.b-c.first-one", "code", "pkg/a/b_c.py:4", None),
        ("pkg.a.b-c.second", "code", "pkg/a/b_c.py:10", None),
    ]
    assert frame["content"].to_list() == [
        '@functools.cache\ndef first_one(x):\n    """Double x."""\n    return 2 * x',
        'async def second(x):\n    """Triple é."""\n    return 3 * x  # é',
    ]


def test_what_cannot_stand_alone_or_teaches_nothing_is_left_out(tmp_path: Path) -> None:
    text = '''
def undocumented(x):
    return x

def blank(x):
    """ """
    return x

def stub(x):
    """To be done."""
    raise NotImplementedError

def dots(x):
    """To be done."""
    ...

def test_thing(x):
    """A test."""
    return x

class Thing:
    def method(self):
        """A method."""
        return self

def outer(x):
    """Taken; what is inside of it is not."""
    def inner(y):
        """Not taken."""
        return y
    return inner(x)
'''
    assert seed_ids(take(grow(tmp_path / "pkg", {"m.py": text}))) == ["pkg.m.outer"]


def test_tests_and_other_peoples_packages_are_left_out(tmp_path: Path) -> None:
    left_out = [
        "tests/a.py", "test/a.py", "test_a.py", "a_test.py", "conftest.py", ".venv/a.py", "env/a.py",
        "site-packages/a.py", "node_modules/a.py", "__pycache__/a.py", "my_tests/a.py",
    ]  # fmt: skip
    taken = ["latest.py", "contest/a.py", "attestation.py"]
    root = grow(tmp_path / "test_pkg", {name: functions(f"f{n}") for n, name in enumerate([*left_out, *taken])})
    grow(root, {"env/pyvenv.cfg": ""})
    assert take(root).frame["source"].to_list() == [
        "test_pkg/attestation.py:1",
        "test_pkg/contest/a.py:1",
        "test_pkg/latest.py:1",
    ]


def test_lengths_are_bounded_on_both_sides(tmp_path: Path) -> None:
    root = grow(tmp_path / "pkg", {"m.py": functions("f", "ff", "fff")})
    lengths = [len(content) for content in take(root).frame["content"]]
    assert seed_ids(take(root, None, lengths[1], lengths[1])) == ["pkg.m.ff"]


def test_repetitions_that_differ_in_white_space_only_are_taken_once(tmp_path: Path) -> None:
    text = functions("f")
    root = grow(
        tmp_path / "pkg", {"b.py": text, "a.py": text.replace("    ", "\t"), "c.py": text.replace("+ 0", "+ 1")}
    )
    assert seed_ids(take(root)) == ["pkg.a.f", "pkg.c.f"]


def test_a_name_that_is_defined_twice_gives_two_ids(tmp_path: Path) -> None:
    text = functions("f_g") + functions("f_g").replace("+ 0", "+ 1")
    assert seed_ids(take(grow(tmp_path / "pkg", {"m.py": text}))) == ["pkg.m.f-g", "pkg.m.f-g~2"]


def test_long_names_and_odd_folders_give_ids_that_are_accepted(tmp_path: Path) -> None:
    name = "f" * 100
    files = {f"{'d' * 100}/é x/m.py": functions(name, name + "g"), "m.py": functions("h")}
    frame = take(grow(tmp_path / "my pkg", files)).frame
    assert frame["id"].is_unique().all()
    assert frame["seed_id"].str.len_chars().max() == 114
    assert "my%20pkg.m.h" in frame["id"]


def test_a_limit_takes_from_as_many_files_as_it_can_and_always_the_same(tmp_path: Path) -> None:
    files = {f"m{n}.py": functions(*(f"f{n}_{k}" for k in range(10 if n == 0 else 2))) for n in range(8)}
    root = grow(tmp_path / "pkg", files)
    for limit, per_file in ((4, {1}), (8, {1}), (12, {1, 2}), (16, {2}), (20, {2, 6})):
        frame = take(root, limit).frame
        counts = frame["source"].str.split(":").list.first().value_counts()["count"].to_list()
        assert frame.height == limit
        assert set(counts) == per_file
        assert frame.equals(take(root, limit).frame)
    assert take(root, 4).frame["source"].str.extract(r"m(\d)").to_list() == ["0", "2", "4", "6"]
    assert take(root, 100).notes == ("only 24 functions fit, 100 were asked for",)


def test_files_that_cannot_be_parsed_are_skipped_with_a_note(tmp_path: Path) -> None:
    root = grow(tmp_path / "pkg", {"a.py": "def f(:", "c.py": functions("f"), "d.py": "x = " + "(" * 10_000})
    (root / "b.py").write_bytes(b"x = '\xff'\n")
    (root / "e.py").write_bytes(b"x = '\0'\n")
    (root / "f.py").write_bytes(b"# coding: no-such\n")
    (root / "g.py").write_bytes(b"#" * 2_000_001)
    seeds = take(root)
    assert seed_ids(seeds) == ["pkg.c.f"]
    large, unread = seeds.notes
    assert large == "left out, larger than 2,000,000 bytes: 1 file: pkg/g.py"
    assert unread.startswith("left out, cannot be parsed: 5 files: ")
    assert [name in unread for name in ("pkg/a.py", "pkg/b.py", "pkg/d.py", "pkg/e.py", "pkg/f.py")] == [True] * 5


def test_other_encodings_and_line_ends_are_read(tmp_path: Path) -> None:
    root = grow(tmp_path / "pkg", {})
    root.mkdir()
    text = '# coding: latin-1\r\nx = """\u00e9\x0c"""\r\n\r\n' + functions("f").replace("\n", "\r\n")
    (root / "m.py").write_bytes(text.encode("latin-1"))
    frame = take(root).frame
    assert frame.select("source", "content").row(0) == ("pkg/m.py:4", functions("f").rstrip())


def test_links_that_loop_or_lead_nowhere_do_no_harm(tmp_path: Path) -> None:
    root = grow(tmp_path / "pkg", {"a/m.py": functions("f")})
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "gone.py").symlink_to(root / "nowhere.py")
    (root / "self.py").symlink_to(root / "self.py")
    os.mkfifo(root / "pipe.py")
    assert seed_ids(take(root)) == ["pkg.a.m.f"]


def test_a_package_is_found_by_name_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explosive = f"raise RuntimeError\n{functions('f')}"
    grow(
        tmp_path / "lib",
        {"boom_pkg/__init__.py": explosive, "boom_pkg/sub/__init__.py": explosive, "boom_one.py": explosive},
    )
    monkeypatch.syspath_prepend(tmp_path / "lib")
    assert take("boom_pkg").frame.select("id", "source").rows() == [("boom-pkg.f", "boom_pkg/__init__.py:2")]
    assert take("boom_pkg.sub").frame.select("id", "source").rows() == [
        ("boom-pkg.sub.f", "boom_pkg/sub/__init__.py:2")
    ]
    assert take("boom_one").frame.select("id", "source").rows() == [("boom-one.f", "boom_one.py:2")]
    assert take(tmp_path / "lib" / "boom_one.py").frame["source"].to_list() == ["boom_one.py:2"]


def test_a_name_that_is_both_a_package_and_a_folder_is_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path / "json", {"m.py": functions("f")})
    monkeypatch.chdir(tmp_path)
    assert take("json", 1).notes[0] == (
        "'json' is a package and a folder here: the package was taken, ./json is the folder"
    )
    assert seed_ids(take("./json")) == ["json.m.f"]
    assert take("./json").notes == ()


def test_the_standard_library_gives_functions_and_its_licence() -> None:
    for target in ("statistics", "os", f"{sysconfig.get_path('stdlib')}/json"):
        frame = take(target, 3, 120, 4_000).frame
        assert frame["license"].to_list() == ["PSF-2.0"] * 3
        for content in frame["content"]:
            assert isinstance(ast.parse(content).body[0], ast.FunctionDef)


def test_an_installed_package_brings_its_licence() -> None:
    assert set(take("hypothesis", 3).frame["license"]) == {"MPL-2.0"}
    assert set(take("polars", 3).frame["license"]) == {"MIT License"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sys", "sys: is built into the interpreter, so there is no Python source to read"),
        ("_sqlite3", "_sqlite3: is compiled, so there is no Python source to read"),
        ("no_such_package", "no_such_package: is no package or module that is installed here, nor a folder"),
        ("json.nothing", "json.nothing: is no package or module"),
        ("json.decoder.deeper", "json.decoder.deeper: is no package or module"),
        ("/no/such/folder", "/no/such/folder: is no package or module"),
        ("", ": is no package or module"),
        ("this", "this: has no documented functions of 1 to 10,000 characters outside of tests: name another target"),
    ],
)
def test_a_target_without_functions_is_named_with_the_remedy(target: str, expected: str) -> None:
    with pytest.raises(SeedError) as caught:
        take(target)
    assert str(caught.value).startswith(expected)


def test_other_targets_that_cannot_be_are_refused(tmp_path: Path) -> None:
    root = grow(tmp_path, {"seeds.json": "[]", "bad/m.py": "def f(:"})
    with pytest.raises(SeedError, match=r"seeds\.json: is neither a folder nor a source file: use `seeds add`"):
        take(root / "seeds.json")
    with pytest.raises(SeedError, match=r"has no documented functions.*cannot be parsed: 1 file: bad/m\.py"):
        take(root / "bad")
    with pytest.raises(SeedError, match="limit is 0"):
        take("json", 0)


def test_whatever_is_left_out_is_counted_by_its_reason(tmp_path: Path) -> None:
    code = functions("kept", "twin") + "\n\ndef bare(x):\n    return x\n\ndef stub(x):\n    'Does nothing.'\n"
    files = {
        "a.py": code,
        "b.py": functions("other", "twin"),
        "tests/test_a.py": functions("far"),
        "test_b.py": functions("far"),
        "node_modules/c.py": functions("far"),
        ".cache/d.py": functions("far"),
    }

    seeds = harvest(str(grow(tmp_path / "pkg", files)), None, 1, len(DOCUMENTED))

    assert "left out, tests: 1 file: pkg/test_b.py" in seeds.notes
    assert "left out, folders of tests: 1 folder: pkg/tests/" in seeds.notes
    assert "left out, folders of other people's packages: 1 folder: pkg/node_modules/" in seeds.notes
    assert "left out, hidden folders: 1 folder: pkg/.cache/" in seeds.notes
    counted = next(note for note in seeds.notes if "functions and classes" in note)
    assert all(
        words in counted for words in ("1 without documentation", "1 without a body", "1 that repeat another")
    ), counted
