import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evergrow.resources.host.home import Home
from evergrow.resources.registry.batches import staged, staged_batches
from evergrow.resources.registry.registry import Registry
from evergrow.resources.seeds import inbox
from evergrow.resources.seeds.inbox import RegisteredFile, RejectedFile, take
from evergrow.resources.settings import load_settings


@pytest.fixture
def registry(home: Home) -> Iterator[Registry]:
    with closing(Registry.of(load_settings({"home": home.path}))) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.inbox.mkdir(parents=True)
    return made


def drop(home: Home, name: str, *contents: str) -> Path:
    path = home.inbox / name
    path.write_text(json.dumps([{"content": content} for content in contents]))
    return path


def look(home: Home, registry: Registry) -> list[RegisteredFile | RejectedFile]:
    return take(home, registry, 0, 1_000)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_becomes_a_batch_named_after_it_and_is_put_away(home: Home, registry: Registry) -> None:
    drop(home, "My seeds.json", "x", "y", "y")
    (taken,) = look(home, registry)
    assert isinstance(taken, RegisteredFile)
    assert taken.file == home.inbox / "accepted" / "My seeds.json"
    assert taken.batch == staged(registry, "My-seeds")
    assert taken.batch.rows == 2
    assert taken.notes == ("1 row left out: an earlier row has the same content (row 3 is row 2)",)
    assert str(taken).startswith("My seeds.json is batch 'My-seeds' with 2 seeds; 1 row left out")
    assert names(home.inbox) == {"accepted", "rejected"}
    assert look(home, registry) == []


def test_a_wrong_file_is_put_aside_with_the_reason_beside_it(home: Home, registry: Registry) -> None:
    drop(home, "bad.json")
    drop(home, "good.json", "x")
    bad, good = look(home, registry)
    assert isinstance(bad, RejectedFile)
    assert isinstance(good, RegisteredFile)
    assert bad.file == home.inbox / "rejected" / "bad.json"
    assert "bad.json: holds no seeds" in bad.reason
    assert str(bad) == f"rejected {bad.reason}; it lies in {home.inbox / 'rejected'}"
    assert names(home.inbox / "rejected") == {"bad.json", "bad.json.error.txt"}
    said = (home.inbox / "rejected" / "bad.json.error.txt").read_text()
    assert said == f"{bad.reason}\n{inbox.ADVICE}\n"
    assert [batch.batch for batch in staged_batches(registry)] == ["good"]


def test_a_file_is_left_alone_until_it_has_settled(home: Home, registry: Registry) -> None:
    path = drop(home, "f.json", "x")
    os.utime(path, (0, 0))
    assert take(home, registry, 3_600, 1_000) == []
    assert path.exists()
    time.sleep(0.3)
    assert len(take(home, registry, 0.2, 1_000)) == 1


def test_a_file_from_before_the_clock_was_set_back_is_taken(
    home: Home, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "f.json", "x")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 60)  # another machine's clock may be as far off
    assert take(home, registry, 1.0, 1_000) == []
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)

    assert len(take(home, registry, 1.0, 1_000)) == 1


def test_other_seeds_under_a_taken_name_get_a_number_and_no_file_is_overwritten(home: Home, registry: Registry) -> None:
    for content in ("x", "y", "x", "y", "z"):
        drop(home, "f.json", content)
        look(home, registry)
    assert [batch.batch for batch in staged_batches(registry)] == ["f", "f-2", "f-3"]
    assert names(home.inbox / "accepted") == {"f.json", "f-2.json", "f-3.json", "f-4.json", "f-5.json"}
    for _ in range(2):
        drop(home, "bad.json")
        look(home, registry)
    assert len(names(home.inbox / "rejected")) == 4


def test_long_names_get_a_number_too(home: Home, registry: Registry) -> None:
    for content in ("x", "y"):
        drop(home, f"{'n' * 100}.json", content)
        look(home, registry)
    assert [batch.batch for batch in staged_batches(registry)] == [f"{'n' * 61}-2", "n" * 63]


def test_what_is_no_finished_file_is_passed_over(home: Home, registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text('[{"content": "x"}]')
    (home.inbox / "link.json").symlink_to(tmp_path / "elsewhere.json")
    (home.inbox / "folder.json").mkdir()
    os.mkfifo(home.inbox / "pipe.json")
    for name in (".hidden.json", "f.json.part", "f.json~", "F.JSON.PART"):
        drop(home, name, "x")
    before = names(home.inbox)
    assert look(home, registry) == []
    assert names(home.inbox) == before | {"accepted", "rejected"}


def test_a_call_that_is_killed_anywhere_is_made_good_by_the_next(home: Home, registry: Registry) -> None:
    code = (
        "import sys; from pathlib import Path; from evergrow.resources.host.home import Home\n"
        "from evergrow.resources.seeds.inbox import take; from evergrow.resources.registry.registry import Registry\n"
        "from evergrow.resources.settings import load_settings; home = Home(Path(sys.argv[1]))\n"
        "registry = Registry.of(load_settings({'home': home.path}))\n"
        "print('on', flush=True); take(home, registry, 0, 1_000)\n"
    )
    for number in range(20):
        drop(home, f"good-{number}.json", f"x{number}")
        drop(home, f"bad-{number}.json")
    for number in range(5):
        process = subprocess.Popen([sys.executable, "-c", code, str(home.path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.004 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    look(home, registry)
    assert {batch.batch for batch in staged_batches(registry)} == {f"good-{number}" for number in range(20)}
    assert names(home.inbox / "accepted") == {f"good-{number}.json" for number in range(20)}
    rejected = {f"bad-{number}.json" for number in range(20)}
    kept = {name for name in names(home.inbox / "rejected") if not name.startswith(".")}  # not what a killed write left
    assert kept == rejected | {f"{name}.error.txt" for name in rejected}
    assert names(home.inbox) == {"accepted", "rejected"}


def test_a_file_whose_seeds_are_registered_already_makes_no_second_batch(home: Home, registry: Registry) -> None:
    path = drop(home, "f.json", "x")
    look(home, registry)
    (home.inbox / "accepted" / "f.json").rename(path)
    (again,) = look(home, registry)
    assert isinstance(again, RegisteredFile)
    assert [batch.batch for batch in staged_batches(registry)] == ["f"]


ODD_NAMES = [
    b"-rf.jsonl",
    b"caf\xe9.jsonl",
    b"A B.JSONL",
    b"n" * 249 + b".jsonl",
    b"\xf0\x9f\x98\x80.jsonl",
    b"a\nb.jsonl",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_is_taken_or_put_aside_whatever_it_is_called(home: Home, registry: Registry, name: bytes) -> None:
    good, bad = json.dumps({"content": "x"}).encode(), b"{"
    for content in (good, bad, good, bad):
        Path(os.fsdecode(os.fsencode(home.inbox) + b"/" + name)).write_bytes(content)
        drop(home, "zz.json", secrets.token_hex())
        kinds = [type(outcome) for outcome in look(home, registry)]
        assert kinds.count(RejectedFile) == (content == bad)
        assert len(kinds) == 2
        assert names(home.inbox) == {"accepted", "rejected"}
    assert len(names(home.inbox / "accepted")) == 6
    assert len(names(home.inbox / "rejected")) == 4


def test_what_is_said_of_an_odd_name_can_be_printed(home: Home, registry: Registry) -> None:
    Path(os.fsdecode(os.fsencode(home.inbox) + b"/caf\xe9.jsonl")).write_text('{"content": "x"}')
    Path(os.fsdecode(os.fsencode(home.inbox) + b"/caf\xe8.jsonl")).write_text("{")

    for outcome in look(home, registry):
        assert "caf\\xe" in str(outcome)
        str(outcome).encode()


def test_one_look_reads_a_bounded_amount_and_the_next_goes_on(
    home: Home, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        drop(home, f"f{number}.json", "x" * 100 + str(number))
    monkeypatch.setattr(inbox, "BYTES_A_CALL", 300)

    looks = [len(look(home, registry)) for _ in range(3)]

    assert looks == [2, 2, 0]


def test_a_file_too_large_for_a_look_is_put_aside_with_the_command_that_takes_it(
    home: Home, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home, "a.json", "x" * 500)
    drop(home, "b.json", "x")
    monkeypatch.setattr(inbox, "BYTES_A_CALL", 300)

    kinds = [type(outcome) for outcome in [*look(home, registry), *look(home, registry)]]

    assert kinds == [RejectedFile, RegisteredFile]
    assert "evergrow seeds add FILE --batch NAME" in (home.inbox / "rejected" / "a.json.error.txt").read_text()


def test_an_option_is_advised_only_with_the_command_that_has_it(home: Home, registry: Registry) -> None:
    (home.inbox / "my texts.json").write_text('[{"text": "a"}]')
    (taken,) = look(home, registry)
    lies = home.inbox / "rejected" / "my texts.json"

    kept = lies.with_name(f"{lies.name}.error.txt").read_text()
    for said in (str(taken), kept):
        assert "add --column text" in said
        assert f"options are of `evergrow seeds add '{lies}' --batch NAME`, which registers it from there" in said
        assert "or call the column `content`, and drop the file into the inbox again" in said

    (home.inbox / "source.py").write_text("def f():\n    return 1\n")
    (program,) = look(home, registry)
    assert "`evergrow seeds harvest FILE --batch B`" in str(program)
    assert "options are of" not in str(program)
