import json

import polars as pl

from evergrow.methods.treesynth.balance import balance_quotas, balanced_rows, held_leaves, thin
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.leaves import LeafSample
from evergrow.methods.treesynth.nodes import ATTRIBUTES, Split, children, node_row, root
from evergrow.methods.treesynth.samples import make_sample

DOMAIN = find_domain("gsm8k")
NODES = children(root("t", DOMAIN.name), Split("Topic", ("apples", "trains", "money")))
LEAVES = pl.DataFrame([node_row(node) for node in NODES])
SCHEMA = {
    **dict.fromkeys(("id", "tree", "leaf_id", "content", "fields", "letter", "origin", "call_id", "reason"), pl.String),
    "attributes": ATTRIBUTES,
}


def routed(*counts: int) -> pl.DataFrame:
    rows = [
        {"id": f"r{place}-{n}", "content": f"text {place} {n}", "leaf_id": node.id, "given": json.dumps({"n": n})}
        for place, (node, count) in enumerate(zip(NODES, counts, strict=True))
        for n in range(count)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("id", "content", "leaf_id", "given"), pl.String))


def test_rows_keep_their_ids_and_columns_get_their_leafs_attributes_and_say_what_became_of_them() -> None:
    table = routed(5, 1, 0)
    quotas = balance_quotas(LEAVES, dict(table.group_by("leaf_id").len().iter_rows()), 6)
    thinned = thin(table, quotas, 3)
    leaves = held_leaves(LEAVES, thinned, quotas)
    for leaf in leaves:
        made = [make_sample(DOMAIN, {"question": f"How many {n} for {leaf.node.id}?"}, 1) for n in range(leaf.missing)]
        leaf.lines += [LeafSample(sample, (), "generated", call_id="c") for sample in made]

    balanced = balanced_rows(thinned, leaves, "t", DOMAIN, SCHEMA)

    stays = balanced.filter(pl.col("reason").is_null())
    assert dict(stays.group_by("origin").len().iter_rows()) == {"kept": 3, "generated": 3}
    assert set(balanced.filter(pl.col("reason") == "thinned")["origin"]) == {"thinned"}
    kept = stays.filter(pl.col("origin") == "kept")
    assert set(kept["id"]) <= set(table["id"])
    assert kept["given"].equals(kept.select("id").join(table, on="id", how="left", maintain_order="left")["given"])
    assert kept["call_id"].null_count() == kept.height
    assert {row[0]["value"] for row in kept["attributes"]} == {"apples", "trains"}
    assert all(name.endswith("-made") for name in stays.filter(pl.col("origin") == "generated")["id"])
