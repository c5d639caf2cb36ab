"""`evergrow tree`: a tree from its root to files, resumed after a kill, and every way to use it wrongly."""

import json
import signal
from contextlib import closing
from pathlib import Path

import pytest

from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import registered_trees
from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.command import started
from tests.conftest import FakeEndpoint
from tests.world.zygote import Zygote


@pytest.fixture(autouse=True)
def _one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_TREESYNTH__SHARDS", "1")
    monkeypatch.setenv("EVERGROW_TREESYNTH__ADHERENCE_ROWS", "0")


def test_a_tree_is_grown_shown_exported_imported_and_made_into_seeds(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    said = evergrow("tree", "grow", "--tree", "t", "--domain", "math", "--max-depth", 2, "--rows", 200)
    assert said.code == 0, said.err
    assert "200 samples" in said.out
    assert "Mathematical domain" in said.out

    leaves = evergrow("tree", "show", "t", "--json").json
    assert sum(leaf["rows"] for leaf in leaves) == 200

    asked = fake_endpoint.stats()["requests"]
    again = evergrow("tree", "grow", "t")
    assert again.code == 0
    assert again.err.count("up to date") == 4
    assert f"heading for {len(leaves)} leaves and 200 rows; still to come: about " in said.err
    assert fake_endpoint.stats()["requests"] == asked

    assert evergrow("tree", "export", "t", "--out", tmp_path / "out").code == 0
    lines = (tmp_path / "out" / "result.jsonl").read_text().splitlines()
    assert len(lines) == 200
    assert set(json.loads(lines[0])) == {"question", "difficulty"}
    tree = json.loads((tmp_path / "out" / "output.json").read_text())
    assert len(tree["children"]) == 7
    assert (tmp_path / "out" / "tree_structure.txt").read_text().count("\n") == len(leaves) + 8

    assert (
        evergrow("tree", "import", "t2", tmp_path / "out" / "output.json", "--domain", "math", "--rows", 210).code == 0
    )
    assert evergrow("tree", "grow", "t2").code == 0
    taken = evergrow("table", "treesynth/samples", "--partition", "t2", "--json").json
    assert len(taken) == 210
    assert {row["origin"] for row in taken} == {"imported", "generated"}  # what the file does not hold is written

    assert evergrow("seeds", "from-tree", "t", "--batch", "b").code == 0
    with closing(Registry.of(load_settings())) as registry:
        seeds = staged(registry, "b").read()
    assert seeds.height == 200
    assert {"tree", "leaf_id", "attributes"} <= set(seeds.columns)

    way = evergrow("trace", seeds["id"][0], "--json").json
    assert [step.get("node", "sample").partition(":")[0] for step in way][:2] == [
        "the whole space of tree t",
        "Mathematical domain",
    ]
    assert way[-1]["content"] == seeds["content"][0]
    assert {call["role"] for step in way for call in step["calls"]} == {"partitioner", "generator"}
    assert [call["role"] for call in way[-2]["calls"]] == ["generator"]  # the last step: that it is a seed of the batch
    assert "sample of leaf" in evergrow("trace", seeds["id"][0]).out


def test_a_dataset_is_balanced_with_a_report_and_may_be_sorted_anew(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"text": f"Where is my parcel number {n}?"}) + "\n" for n in range(50)))
    assert evergrow("tree", "grow", "t", "--domain", "customer_support", "--max-depth", 1, "--rows", 10).code == 0

    def balance(*more: object) -> list[dict[str, float]]:
        said = evergrow("tree", "balance", "t", "--data", data, "--text-column", "text", "--rows", 40, "--json", *more)
        assert said.code == 0, said.err
        return list(said.json)

    before, after = balance()
    assert before["rows"] + after["unrouted"] == 50
    assert after["rows"] == 40
    assert after["entropy"] == pytest.approx(1.0)
    assert after["kept"] + after["generated"] == 40

    asked = fake_endpoint.stats()["requests"]
    assert balance()[1] == after
    assert fake_endpoint.stats()["requests"] == asked
    rows = evergrow("table", "treesynth/balanced", "--partition", "t", "--rows", "all", "--json").json
    way = evergrow("trace", rows[0]["id"], "--json").json
    assert next(step.get("node", "row") for step in way) == "the whole space of tree t"
    assert way[-1]["origin"] == rows[0]["origin"]
    balance("--redo-from", 0)
    assert fake_endpoint.stats()["requests"] >= asked + 50
    assert evergrow("tree", "export", "t", "--out", tmp_path / "out").code == 0
    held = json.loads((tmp_path / "out" / "balanced_tree.json").read_text())
    assert sum(len(json.loads(child["sample_ids"])) for child in held["children"]) == 40


def test_a_tree_goes_on_after_a_kill_and_pays_nothing_twice(
    fake_endpoint: FakeEndpoint, tmp_path: Path, evergrow: Evergrow, monkeypatch: pytest.MonkeyPatch, zygote: Zygote
) -> None:
    fake_endpoint.control(latency=0.15)
    monkeypatch.setenv("EVERGROW_ENDPOINTS__DEFAULT__CONCURRENCY", "4")
    command = ("tree", "grow", "t", "--domain", "math", "--max-depth", "2", "--rows", "60")
    with started(*command, folder=tmp_path / "run", zygote=zygote) as growing:
        growing.when(lambda: fake_endpoint.stats()["requests"] >= 15, signal.SIGKILL)
        assert growing.wait() == -signal.SIGKILL
    fake_endpoint.control(latency=0.0)

    said = evergrow("tree", "grow", "t")

    assert said.code == 0, said.err
    assert "60 samples" in said.out
    assert fake_endpoint.stats()["repeated"] <= 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("grow", "t", "--domain", "maths"), ("unknown domain 'maths'", "did you mean 'math'")),
        (("grow", "t"), ("is new", "--domain")),
        (("grow", "--domain", "math"), ("name the tree",)),
        (("grow", "t", "--domain", "math", "--max-depth", "0"), ("--max-depth", "greater than or equal to 1")),
        (("grow", "t", "--domain", "math", "--max-depth", "99"), ("--max-depth", "less than or equal to 12")),
        (("grow", "t", "--domain", "math", "--rows", "0"), ("--rows", "greater than or equal to 1")),
        (("grow", "a/b", "--domain", "math"), ("cannot name a tree", "'a-b'")),
        (("show", "t"), ("unknown tree 't'",)),
        (("convert", "t"), ("unknown tree 't'",)),
        (("export", "t", "--out", "x"), ("unknown tree 't'",)),
        (("balance", "t", "--data", "x"), ("unknown tree 't'",)),
        (("balance", "t"), ("--data FILE",)),
        (("import", "t", "none.json", "--domain", "math"), ("none.json", "cannot be read")),
    ],
)
def test_wrong_use_is_one_message_and_leaves_nothing_behind(
    evergrow: Evergrow, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    said = evergrow("tree", *arguments)

    assert said.code == 2
    assert "Traceback" not in said.err
    assert all(word in said.err for word in words), said.err
    with closing(Registry.of(load_settings())) as registry:
        assert registered_trees(registry) == []


def test_a_domain_file_with_a_fault_is_named_with_line_and_key(evergrow: Evergrow, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\nspace: 3\n")

    said = evergrow("tree", "grow", "t", "--domain", "own", "--set", f"treesynth.domains={tmp_path}")

    assert said.code == 2
    assert f"{tmp_path}/own.yaml, line 2: space" in said.err


def test_what_stands_in_the_way_of_an_existing_tree_is_named(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "broken.json").write_text('{"children": [{"dimension": 3}]}')
    (tmp_path / "data.jsonl").write_text('{"question": "x"}\n')
    assert evergrow("tree", "grow", "t", "--domain", "customer_support", "--max-depth", 1, "--rows", 5).code == 0

    other = evergrow("tree", "grow", "t", "--domain", "math")
    assert other.code == 2
    assert "exists under the domain 'customer_support', not 'math'" in other.err
    broken = evergrow("tree", "import", "t2", tmp_path / "broken.json", "--domain", "math")
    assert broken.code == 2
    assert "broken.json: the children of the root do not share one 'dimension'" in broken.err
    unread = evergrow("tree", "balance", "t", "--data", tmp_path / "data.jsonl")
    assert unread.code == 2
    assert "has no column 'content', only 'question'" in unread.err
    stories = evergrow("tree", "convert", "t")
    assert stories.code == 2
    assert "no stories of unaware people" in stories.err


def test_a_tree_deeper_than_the_settings_is_grown_shown_and_balanced_without_naming_its_depth_again(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "data.jsonl").write_text("".join(json.dumps({"content": f"Text {n}."}) + "\n" for n in range(4)))
    shallow = ("--set", "treesynth.max_depth=1")
    told = evergrow("tree", "add", "t", "--domain", "customer_support", "--max-depth", 2, "--rows", 15, *shallow)
    assert told.code == 0, told.err
    assert "2 levels deep, with 15 rows" in told.err
    assert "called" not in told.err
    # A batch of other seeds may have the name: that the tree is then released under another is told before it is paid.
    both = "note: a tree and a batch of other seeds are called 't': the tree's samples are released under another name"
    assert both in evergrow("seeds", "add", tmp_path / "data.jsonl", "--batch", "t").err.replace("\n", " ")
    assert both in evergrow("tree", "add", "t", "--domain", "customer_support", *shallow).err.replace("\n", " ")
    assert fake_endpoint.stats()["requests"] == 0

    for command in (
        ("grow", "t", *shallow),
        ("balance", "t", "--data", tmp_path / "data.jsonl", "--rows", 15, *shallow),
    ):
        said = evergrow("tree", *command)
        assert said.code == 0, said.err
        assert (both in said.err.replace("\n", " ")) == (command[0] == "grow")
    assert len(evergrow("tree", "show", "t", "--json").json) == 15


def test_a_folder_that_cannot_be_written_is_named(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert evergrow("tree", "grow", "t", "--domain", "customer_support", "--max-depth", 1, "--rows", 5).code == 0

    said = evergrow("tree", "export", "t", "--out", tmp_path / "file" / "out")

    assert said.code == 2
    assert f"{tmp_path}/file/out/" in said.err
    assert "cannot be written: a part of its path is a file" in said.err


def test_a_tree_that_would_explode_says_which_limit(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    said = evergrow("tree", "grow", "t", "--domain", "math", "--set", "treesynth.max_leaves=20")

    assert said.code == 1
    assert "wanted at most 20, setting treesynth.max_leaves" in said.err
    assert fake_endpoint.stats()["requests"] == 0


@pytest.mark.parametrize("role", ["generator", "partitioner", "judge"])
def test_a_batch_api_is_refused_before_anything_is_asked(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, role: str
) -> None:
    said = evergrow("tree", "grow", "t", "--domain", "customer_support", "--set", f"roles.{role}.mode=batch")

    assert said.code == 1
    assert f"roles.{role}.mode: batch cannot grow trees" in said.err
    assert "set it to live" in said.err
    assert "Traceback" not in said.err
    assert fake_endpoint.stats()["requests"] == 0


def test_ctrl_c_says_how_to_go_on_and_nothing_is_paid_twice(
    fake_endpoint: FakeEndpoint, tmp_path: Path, evergrow: Evergrow, zygote: Zygote
) -> None:
    fake_endpoint.control(latency=0.15)
    more = ("--set", "endpoints.default.concurrency=4", "--set", "treesynth.sample_similarity=1.0")
    command = ("tree", "grow", "t", "--domain", "math", "--max-depth", "2", "--rows", "60", *more)

    def interrupt(after: int) -> None:
        with started(*command, folder=tmp_path / "run", zygote=zygote) as growing:
            growing.when(lambda: fake_endpoint.stats()["requests"] >= after, signal.SIGINT)
            assert growing.wait() == 1, growing.said
        assert "Traceback" not in growing.said
        last = growing.said.strip().splitlines()[-1]
        assert last == "evergrow: interrupted; every answer is kept: `evergrow tree grow t` goes on from here"

    interrupt(after=15)  # within a level
    interrupt(after=45)  # within the samples
    fake_endpoint.control(latency=0.0)

    said = evergrow("tree", "grow", "t", *more)

    assert said.code == 0, said.err
    assert "60 samples" in said.out
    assert fake_endpoint.stats()["repeated"] <= 2 * 4  # those in flight


def test_what_a_batch_collected_can_be_balanced_as_well(grown: Evergrow) -> None:
    assert grown("tree", "grow", "t", "--domain", "customer_support", "--max-depth", 1, "--rows", 5).code == 0

    said = grown("tree", "balance", "t", "--batch", "b", "--rows", 10, "--json")

    assert said.code == 0, said.err
    assert said.json[1]["rows"] == 10
    assert {row["batch"] for row in grown("table", "treesynth/routed", "--partition", "t", "--json").json} == {"b"}


def test_a_tree_that_is_exported_and_imported_under_another_name_costs_nothing_and_loses_nothing(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    assert evergrow("tree", "grow", "one", "--domain", "simpletom", "--max-depth", 1, "--rows", 18).code == 0
    assert evergrow("tree", "export", "one", "--out", tmp_path / "one").code == 0
    asked = fake_endpoint.stats()["requests"]

    said = evergrow("tree", "import", "two", tmp_path / "one" / "output.json", "--domain", "simpletom")
    assert said.code == 0, said.err
    said = evergrow("tree", "grow", "two")
    assert said.code == 0, said.err
    assert evergrow("tree", "export", "two", "--out", tmp_path / "two").code == 0

    assert fake_endpoint.stats()["requests"] == asked
    first, second = (sorted((tmp_path / name / "result.jsonl").read_text().splitlines()) for name in ("one", "two"))
    assert len(first) == 18
    assert first == second
    trees = [json.loads((tmp_path / name / "output.json").read_text()) for name in ("one", "two")]
    assert trees[0] == trees[1]


def test_a_run_that_was_interrupted_is_taken_over_and_goes_on(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    """As the research code leaves it: one node divided, one with pivots only, one not begun."""
    problem = "What is the sum of the first {} odd numbers?\n<Difficulty>\n  2"

    def node(value: str | None, dimension: str | None, *below: object, samples: object = None) -> dict[str, object]:
        return {"attribute_value": value, "dimension": dimension, "samples": samples, "children": list(below)}

    pivots = [problem.format(n) for n in range(6)]
    done = [node(name, "Topic", samples=[problem.format(name)]) for name in ("sums", "Products", "product")]
    tree = node(
        *(None, None),
        node("Algebra", "Mathematical Domain", *done, samples=pivots),
        node("Geometry", "Mathematical Domain", samples=pivots),
        node("Number Theory", "Mathematical Domain"),
    )
    (tmp_path / "output.json").write_text(json.dumps(tree))

    said = evergrow(
        *("tree", "import", "t", tmp_path / "output.json", "--domain", "math", "--max-depth", 2, "--rows", 30)
    )
    assert said.code == 0, said.err
    assert "'product' is merged into 'Products'" in said.err
    grown = evergrow("tree", "grow", "t", "--set", "treesynth.pivots=6")
    assert grown.code == 0, grown.err

    rows = evergrow("table", "treesynth/samples", "--partition", "t", "--json").json
    assert {row["difficulty"] for row in map(json.loads, (r["fields"] for r in rows if r["origin"] == "imported"))} == {
        2
    }
    leaves = evergrow("tree", "show", "t", "--json").json
    assert sum(leaf["rows"] for leaf in leaves) == 30
    assert {leaf["path"].split("; ")[0] for leaf in leaves} == {
        f"Mathematical Domain: {name}" for name in ("Algebra", "Geometry", "Number Theory")
    }
    assert sum("Geometry; " in leaf["path"] for leaf in leaves) >= 2
    assert fake_endpoint.stats()["requests"] > 0
