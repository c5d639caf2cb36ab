"""`evergrow trace`: where any row comes from, rejected ones and lines of exports included, in every form."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import prov.model
import pytest

from evergrow.cli.main import main
from tests.cli.conftest import Evergrow, use
from tests.conftest import ROOT, FakeEndpoint
from tests.keys import key_files
from tests.test_readme import commands_of


@pytest.fixture(scope="module")
def released(project: tuple[Path, FakeEndpoint]) -> Path:
    """The project with a release of both batches and the tree, an export in each form, a balanced dataset, and
    converted stories."""
    folder, endpoint = project
    lines = [json.dumps({"id": f"own_{n}", "text": f"Where is my parcel number {n}?"}) + "\n" for n in range(20)]
    (folder / "data.jsonl").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        use(patch, folder, endpoint)
        patch.chdir(folder)
        for arguments in (
            "release --batch code --batch plain --tree t --as-is",
            "export --format chat --out chat",
            "export --format parquet --out flat",
            "export --format preference --out pairs",
            "tree balance t --data data.jsonl --text-column text --rows 20",
            "tree grow math --domain math --max-depth 2 --rows 4",
            "tree grow stories --domain simpletom --max-depth 1 --rows 2",
            "tree convert stories",
        ):
            assert main(arguments.split()) == 0, arguments
    return folder


def kinds(steps: list[dict[str, Any]]) -> list[str]:
    return [step["step"] for step in steps]


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_released_row_is_told_from_its_seeds_line_to_the_line_of_each_export(here: Evergrow, released: Path) -> None:
    row = next(row for row in lines_of(released / "chat" / "train.jsonl") if row["batch"] == "code")

    steps = here("trace", row["id"], "--json").json

    assert kinds(steps) == ["seed", "child", "collected", "answer", "verified", "clean", "release", "export", "export"]
    seed, child, *_, release, chat, flat = steps
    assert seed["source"] == f"code.jsonl:{1 + int(seed['id'][1:])}"
    assert child["parents"] == [seed["key"]]
    assert "".join(c["text"] for c in child["changes"] if c["kind"] != "added") == seed["content"]
    assert "".join(c["text"] for c in child["changes"] if c["kind"] != "removed") == child["content"]
    assert [call["role"] for call in child["calls"]] == ["generator", "judge"]
    assert child["content"] in json.loads(child["calls"][0]["reply"])["choices"][0]["message"]["content"]
    assert release["split"] == "train"
    assert [chat["parents"], flat["parents"]] == [[release["key"]]] * 2
    assert chat["release"] == "main"
    assert lines_of(Path(chat["file"]))[chat["line"] - 1]["id"] == row["id"]
    assert pl.read_parquet(flat["file"])["id"][flat["line"] - 1] == row["id"]
    for step in steps:
        assert step["closed"] is None
        assert step["reason"] is None

    calls = {call["call_id"]: call for step in steps for call in step["calls"]}
    asked = [call_id for call_id in calls if sum(call_id in str(step["calls"]) for step in steps) > 1]
    drawn = " ".join(here("trace", row["id"]).out.replace("│", " ").split())
    assert asked
    assert all(drawn.count(f"call {call_id}") == 1 for call_id in calls)
    assert re.search(r"; used for [a-z, ]+, too", drawn)
    tokens = " + ".join(f"{sum(call[name] for call in calls.values()):,}" for name in ("tokens_in", "tokens_out"))
    total = f"in all {len(calls)} requests, {tokens} tokens, cost unknown"
    assert total in drawn
    assert here("trace", row["id"], "--html", "row.html").code == 0
    page = Path("row.html").read_text()
    assert f"It took {total}." in page
    assert all(page.count(f"request {call_id}") == 1 for call_id in calls)


def test_each_step_names_its_tables_versions_recipe_run_and_the_figures_of_its_gates(
    here: Evergrow, released: Path
) -> None:
    sample = pl.DataFrame(here("table", "evolution/round_01/accepted", "--partition", "code", "--json").json)["id"][0]

    child = here("trace", sample, "--json").json[1]

    assert [table["table"].rpartition("/")[2] for table in child["tables"]] == [
        *("instructions", "complexity", "diversity", "accepted")
    ]
    accepted = child["tables"][-1]
    assert (accepted["partition"], accepted["recipe"]) == ("code", 1)
    assert len(accepted["data_version"]) == 16
    assert Path(accepted["file"]).stem == accepted["data_version"]
    assert {read["data_version"] for read in accepted["read"]} >= {
        table["data_version"] for table in child["tables"][:3]
    }
    assert accepted["values"]["evolution.margin"] == "-10.0"
    complexity = child["tables"][1]["gate"]
    assert complexity["state"] == "PASSED"
    mean = next(one for one in complexity["expectations"] if "gates.complexity.min_mean" in one["wanted"])
    assert mean["met"]
    assert float(mean["observed"]) >= 1
    nearest = child["others"][0]
    assert nearest["id"] == child["nearest_id"]
    assert nearest["content"]
    assert nearest["likeness"] == pytest.approx(1 - child["diversity"])


def test_a_line_of_an_export_is_traced_in_every_form(here: Evergrow, released: Path) -> None:
    pairs = next(file for file in sorted((released / "pairs").glob("*.jsonl")))
    for file, form in (("chat/train.jsonl", "chat"), ("flat/train.parquet", "parquet"), (pairs, "preference")):
        steps = here("trace", f"{released / file}:1", "--json").json
        assert kinds(steps)[-1] == "export"
        assert (steps[-1]["form"], steps[-1]["line"]) == (form, 1)
        assert steps[-1]["closed"] is None
        assert len([one for one in steps if one["step"] == "export" and one["file"] == str(released / file)]) == 1
        assert steps[-1]["parents"] == [next(one["key"] for one in steps if one["step"] == "release")]
        assert len({one["key"] for one in steps}) == len(steps)
        assert steps[0]["step"] in ("seed", "node")


def test_a_line_that_was_changed_since_the_export_says_so(here: Evergrow, released: Path) -> None:
    shutil.copytree(released / "chat", "copy")
    file = Path("copy/train.jsonl")
    first, second, *rest = file.read_text().splitlines(keepends=True)
    forged = json.loads(first)
    forged["messages"][1]["content"] = "forged"
    file.write_text("".join([json.dumps(forged) + "\n", second, *rest]))

    assert "this row differs from the release's" in here("trace", "copy/train.jsonl:1", "--json").json[-1]["closed"]
    assert "this row equals the release's" in here("trace", "copy/train.jsonl:2", "--json").json[-1]["closed"]
    Path("copy/manifest.json").unlink()
    assert "no manifest lies beside" in here("trace", "copy/train.jsonl:2", "--json").json[-1]["closed"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("nobody_0", "no sample 'nobody_0' in any batch"),
        ("chat/train.jsonl:0", "has no row 0: it has "),
        ("chat/train.jsonl", "is a file: name one of its rows, such as"),
        ("chat/train.jsonl:9999", ", which count from 1"),
        ("chat/manifest.json:1", "cannot be read"),
        ("missing/train.jsonl:1", "there is no file missing/train.jsonl"),
    ],
)
def test_what_is_not_there_is_refused_by_name(here: Evergrow, released: Path, row: str, words: str) -> None:
    place = str(released / row) if row.startswith("chat") else row

    said = here("trace", place)

    assert said.code == 2
    assert words in said.err.replace("\n", "")


def test_a_rejected_row_ends_with_the_table_and_the_reason(here: Evergrow, released: Path) -> None:
    tables = [("evolution/collected", "code"), ("treesynth/balanced", "t")]
    tables += [(f"dataset/{stage}", batch) for stage in ("verified", "clean") for batch in ("code", "plain")]
    found = [
        (table, row) for table, of in tables
        for row in here("table", table, "--partition", of, "--rows", "rejected", "--json").json
    ]  # fmt: skip
    assert "thinned" in {row["reason"] for _, row in found}
    for table, row in found:
        last = here("trace", row["id"], "--json").json[-1]
        assert last["tables"][-1]["table"] == table
        assert last["reason"] == row["reason"]
    assert "was left out" in here("trace", found[-1][1]["id"]).out


def test_a_trees_sample_names_the_pivots_the_split_and_the_completion_behind_each_attribute(
    here: Evergrow, released: Path
) -> None:
    by = set()
    for sample in here("table", "treesynth/samples", "--partition", "math", "--json").json:
        steps = here("trace", sample["id"], "--json").json
        *nodes, last = steps
        assert {step["step"] for step in nodes} == {"node"}
        assert last["step"] == "sample"
        assert {a["dimension"]: a["value"] for a in sample["attributes"]} == {
            value["dimension"]: value["value"] for node in nodes for value in node["values"]
        }
        for node in nodes:
            calls = {call["call_id"]: call for call in node["calls"]}
            assert all(pivot["call_id"] in calls for pivot in node["pivots"])
            for value in node["values"]:
                by.add(value["by"])
                if value["by"] == "pivots":
                    assert value["pivots"]
                    assert calls[value["call_id"]]["call_id"] == node["split_call_id"]
                if value["by"] == "completion":
                    assert value["value"] in calls[value["call_id"]]["reply"]
    assert by >= {"domain", "pivots"}


def test_rows_that_were_sorted_balanced_and_converted_are_told_from_what_they_were(
    here: Evergrow, released: Path
) -> None:
    rows = here("table", "treesynth/balanced", "--partition", "t", "--rows", "all", "--json").json
    ways = {row["origin"]: here("trace", row["id"], "--json").json for row in rows}
    assert set(ways) >= {"kept", "generated"}
    assert kinds(ways["kept"])[-2:] == ["routed", "balanced"]
    assert [call["role"] for call in ways["kept"][-2]["calls"]] == ["router"] * ways["kept"][-2]["steps"]
    assert kinds(ways["generated"])[-1] == "balanced"
    assert [call["role"] for call in ways["generated"][-1]["calls"]] == ["generator"]

    story = here("table", "treesynth/aware", "--partition", "stories", "--json").json[0]
    way = here("trace", story["id"], "--json").json
    assert kinds(way)[-2:] == ["sample", "aware"]
    assert way[-1]["clue"] in "".join(c["text"] for c in way[-1]["changes"] if c["kind"] != "removed")


def test_a_trees_sample_that_was_released_leads_from_the_whole_space_to_the_files(
    here: Evergrow, released: Path
) -> None:
    row = next(row for row in lines_of(released / "chat" / "train.jsonl") if row["batch"] == "t")

    steps = here("trace", row["id"], "--batch", "t", "--json").json

    assert steps[0]["says"] == "the whole space of tree t"
    assert kinds(steps)[-2:] == ["export", "export"]
    assert kinds(steps).index("sample") < kinds(steps).index("seed") < kinds(steps).index("answer")


def test_the_page_is_one_file_in_which_text_of_a_model_stays_text(
    here: Evergrow, released: Path, tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} </div>"
    Path("evil.jsonl").write_text(json.dumps({"id": "evil", "content": evil}) + "\n")
    assert here("seeds", "add", "evil.jsonl", "--batch", "evil").code == 0

    assert here("trace", "evil", "--html", "page.html").code == 0

    page = Path("page.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page
    row = lines_of(released / "chat" / "train.jsonl")[0]
    assert here("trace", row["id"], "--batch", row["batch"], "--html", "row.html").code == 0
    page = Path("row.html").read_text()
    assert "http://" not in page.replace("http://127.0.0.1", "")  # but for the endpoint's address, which is text
    assert "src=" not in page.replace("&", "")


def test_prov_is_what_others_read(here: Evergrow, released: Path) -> None:
    row = next(row for row in lines_of(released / "chat" / "train.jsonl") if row["batch"] == "t")

    assert here("trace", row["id"], "--batch", "t", "--prov", "way.json").code == 0

    document = prov.model.ProvDocument.deserialize("way.json", format="json")
    assert document.is_document()
    records = {type(record).__name__ for record in document.get_records()}
    assert records >= {"ProvEntity", "ProvActivity", "ProvAgent", "ProvDerivation", "ProvGeneration", "ProvUsage"}
    names = {str(record.identifier) for record in document.get_records(prov.model.ProvElement)}
    for relation in document.get_records(prov.model.ProvRelation):
        assert {str(end) for _, end in relation.formal_attributes if end is not None} <= names
    assert len(prov.model.ProvDocument.deserialize(content=document.serialize(format="json"), format="json").records)


def test_the_commands_of_the_page_work_and_its_links_lead_somewhere(here: Evergrow, released: Path) -> None:
    page = ROOT / "docs" / "provenance.md"
    key_files(Path(), "release")

    for command in commands_of(page.read_text()):
        said = here(*shlex.split(command)[1:])
        assert said.code == 0, f"{command}\n{said.err}"

    assert {"manifest.intoto.json", "croissant.json"} <= {path.name for path in Path("out").iterdir()}
    assert Path("row.html").stat().st_size > 1000
    assert json.loads(Path("row.json").read_text())["prefix"]
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists()
    gates = json.loads(Path("out/manifest.json").read_text())["gates"]
    assert {row["state"] for row in gates} == {"PASSED"}
    assert any("gates.complexity.min_mean 1.0" in row["thresholds"] for row in gates)
    assert "gates.complexity.min_mean" in Path("out/README.md").read_text().replace("\\_", "_")
    prompts = Path("out/README.md").read_text().partition("## Prompts")[2].partition("##")[0]
    assert "write, in the domain" in prompts
    assert "of an earlier recipe" not in prompts


def test_a_forged_manifest_is_refused_by_name(here: Evergrow, released: Path) -> None:
    key_files(Path(), "own")
    assert here("export", "--out", "signed", "--key", "own.key").code == 0
    file = Path("signed/manifest.json")
    file.write_text(file.read_text().replace('"name": "main"', '"name": "other"'))

    said = here("verify", "signed", "--key", "own.pub")

    assert said.code == 1
    assert "manifest.intoto.json: vouches for another manifest.json" in said.err.replace("\n", " ")
    assert here("export", "--out", "never", "--key", "own.pub").code == 2
    assert not Path("never").exists()


def test_the_eus_summary_says_what_is_known_and_leaves_open_what_is_not(here: Evergrow, released: Path) -> None:
    assert here("report", "--release", "main", "--format", "eu-summary", "--out", "summary.md").code == 0

    told = Path("summary.md").read_text()
    for line in ("## 1 General information", "### 2.5 Synthetic data", "### 3.2 Removal of illegal"):
        assert line in told
    assert "| code | code.jsonl | 4 |" in told
    assert "14 of 20 instructions were written by models" in told
    assert "| generator | gpt-4o-2024-08-06-fake |" in told
    assert "to be filled in by the provider of the model" in told
    refused = here("report", "--batch", "code", "--format", "eu-summary")
    assert refused.code == 2
    assert "--release" in refused.err


def test_a_seed_and_what_descends_from_it_are_found_by_the_id_that_its_author_gave_it(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    ids = ["my_seed/1", "my_12", "50%"]
    texts = [f"Sort a list of {n} numbers by their second digit." for n in (3, 4, 5)]
    pl.DataFrame({"id": ids, "content": texts}).write_ndjson(tmp_path / "seeds.jsonl")
    assert evergrow("seeds", "add", "seeds.jsonl", "--batch", "b").code == 0

    for own, escaped in zip(ids, ("my%5Fseed%2F1", "my%5F12", "50%25"), strict=True):
        assert [evergrow("trace", name, "--json").json[0]["id"] for name in (own, escaped)] == [escaped] * 2
    assert evergrow("trace", "my_seed/2").code == 2
    assert "no sample 'my_seed/2' in" in evergrow("trace", "my_seed/2").err
    evergrow("run", "--batch", "b", "--rounds", "1")
    named = {"my_seed/1_0": "my%5Fseed%2F1_0", "my%5Fseed%2F1_0": "my%5Fseed%2F1_0", "my_12_0": "my%5F12_0"}
    for name, found in named.items():
        assert found in {step["id"] for step in evergrow("trace", name, "--json").json}

    drawn, (seed, *_) = evergrow("trace", "my_12").out.replace("\n", " "), evergrow("trace", "my_12", "--json").json
    assert "its child, of the next round: my%5F12_0: " in drawn
    assert [one["id"] for one in seed["others"]] == ["my%5F12_0", "my%5F12_1"]
    assert seed["reason"] is None
    assert evergrow("forget", "--seed", "my_12", "--yes").code == 0
    for name in ("my_12", "my_12_0"):
        first, *more = evergrow("trace", name, "--json").json
        assert first["reason"] == "forgotten: seed 'my%5F12'"
        assert all("forgotten" not in str(step["reason"]) for step in more)
