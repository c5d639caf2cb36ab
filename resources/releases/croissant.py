"""Croissant metadata of a release (version 1.0, with the vocabulary of Responsible AI): what machines read of it.

It tells the same as the card, in the vocabulary of MLCommons: files with checksums, records with typed fields, and who
wrote, judged and filtered the rows. What is not known is left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from evergrow.methods.releasing.licences import OTHER, UNKNOWN, Licence
from evergrow.resources.columns import MEANINGS
from evergrow.resources.releases.facts import Facts
from evergrow.resources.releases.manifest import FileEntry

CROISSANT = "croissant.json"
CONFORMS = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0")
SPDX = "https://spdx.org/licenses/"
_TERMS = (
    *("citeAs", "column", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes"),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
    *("replace", "separator", "source", "subField", "transform"),
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
}
_MODELS = ("generator_model", "judge_model", "responder_model", "tester_model", "embedding_model")


def croissant(
    source: pl.DataFrame, schema: pl.Schema, files: Sequence[FileEntry], licence: Licence, facts: Facts
) -> bytes:
    """The text of `croissant.json`.

    Args:
        source: the rows of the release that are in the files, as the lake has them.
        schema: of the rows in the files.
        files: those that hold rows.
        licence: of the dataset.
        facts: all else.
    """
    told = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": facts.name,
        "description": f"{source.height:,} synthetic rows for instruction tuning, {_origin(facts)}. "
        "Every row names its root, its parent, its scores, and the models, prompts and requests that made it.",
        "datePublished": facts.date,
        "creator": {"@type": "sc:Organization", "name": f"a user of evergrow {facts.code_version or ''}".strip()},
        "citeAs": f"{facts.name}, a synthetic dataset made with evergrow {facts.code_version or ''}, {facts.date[:10]}",
        "keywords": ["synthetic", "evergrow"],
        "version": "1.0.0",
        **({"license": _licence(licence)} if licence.name else {}),
        **({"inLanguage": list(facts.language)} if facts.language else {}),
        "isLiveDataset": False,
        "distribution": [_file(entry) for entry in files],
        "recordSet": [_records(entry, schema) for entry in files],
        **{f"rai:{name}": value for name, value in _responsible(source, facts) if value},
    }
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def _origin(facts: Facts) -> str:
    parts = [f"of the batches {', '.join(facts.batches)}"] if facts.batches else []
    parts += [f"of the trees {', '.join(facts.trees)}"] if facts.trees else []
    return " and ".join(parts) or "of unknown origin"


def _licence(licence: Licence) -> str | None:
    return licence.name if licence.hub in (OTHER, UNKNOWN) else f"{SPDX}{licence.name}"


def _file(entry: FileEntry) -> dict[str, Any]:
    kind = "application/x-parquet" if entry.path.endswith(".parquet") else "application/jsonlines"
    return {
        "@type": "cr:FileObject",
        "@id": entry.path,
        "name": entry.path,
        "contentUrl": entry.path,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": kind,
        "sha256": entry.sha256,
    }


def _records(entry: FileEntry, schema: pl.Schema) -> dict[str, Any]:
    name = str(entry.split)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"the rows of the split {name}",
        "field": [_field(name, entry.path, column, kind) for column, kind in schema.items()],
    }


def _field(records: str, file: str, column: str, kind: pl.DataType) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": column}}
    meaning = MEANINGS.get(column)
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{records}/{column}",
        "name": column,
        **({"description": meaning} if meaning else {}),
    }
    repeated, inner = _inner(kind)
    if isinstance(inner, pl.Struct):
        path = "$[*]." if repeated else "$."
        told["subField"] = [
            {
                "@type": "cr:Field",
                "@id": f"{records}/{column}/{part.name}",
                "name": part.name,
                "dataType": _type(_inner(part.dtype)[1]),  # type: ignore[arg-type]
                "source": {**source, "transform": {"jsonPath": f"{path}{part.name}"}},
            }
            for part in inner.fields
        ]
    else:
        told |= {"dataType": _type(inner), "source": source}
    return told | ({"repeated": True} if repeated else {})


def _inner(kind: pl.DataType) -> tuple[bool, pl.DataType]:
    return (True, kind.inner) if isinstance(kind, pl.List) else (False, kind)  # type: ignore[return-value]


def _type(kind: pl.DataType) -> str:
    if kind == pl.Boolean:
        return "sc:Boolean"
    return "sc:Integer" if kind.is_integer() else "sc:Float" if kind.is_float() else "sc:Text"


def _responsible(source: pl.DataFrame, facts: Facts) -> Iterator[tuple[str, Any]]:
    """What the vocabulary of Responsible AI asks for, as far as ledger and tables know."""
    models = {name: sorted(source[name].drop_nulls().unique()) for name in _MODELS if name in source.columns}
    written = sorted({*models.get("generator_model", ()), *models.get("responder_model", ())})
    yield (
        "dataCollection",
        (
            "Written by language models from seeds of the batches and trees named in the description; the prompts' "
            "versions stand in manifest.json, each request and reply in the ledger of the project that made it."
        ),
    )
    yield "dataCollectionType", ["Synthetic"]
    yield "dataCollectionRawData", _seeds(source)
    yield (
        "dataPreprocessingProtocol",
        [
            f"{row['stage']}: {row['requested']:,} requested, {row['accepted']:,} accepted; "
            f"left out: {row['reasons'] or '-'}"
            for row in facts.funnel.iter_rows(named=True)
        ],
    )
    yield "machineAnnotationTools", [f"{name}: {', '.join(found)}" for name, found in models.items() if found]
    judged = ", ".join(models.get("judge_model", ()))
    yield "dataAnnotationProtocol", f"Complexity, 1 to 10, and its reason by {judged}." if judged else None
    yield "annotationsPerItem", "1" if judged else None
    limits = ["No person has read all rows.", *facts.limits]
    limits += [f"Written by: {', '.join(written)}; their errors and biases are in the rows."] if written else []
    yield "dataLimitations", limits
    yield "dataUseCases", ["Instruction tuning of language models."]
    yield "personalSensitiveInformation", _personal(facts)
    yield (
        "dataReleaseMaintenancePlan",
        ("A release is a snapshot; `evergrow forget` takes rows down and writes the files anew without them."),
    )


def _personal(facts: Facts) -> list[str]:
    """What was done against personal data; instructions without answers are not cleaned yet."""
    rules = facts.recipe.get("cleaning")
    if not facts.answered or not isinstance(rules, Mapping):
        return ["The rows were not searched for personal data."]
    own = [part for name, part in facts.recipe.items() if name.startswith("cleaning of ") and isinstance(part, Mapping)]
    kinds = ("personal_data", "secrets")
    searched = [name for name in kinds if rules.get(name)]
    partly = [name for name in kinds if any(part.get(name) for part in own)]
    if not searched and not partly:
        return ["The rows were not searched for personal data: the settings turn that off."]
    told = (("Rows", searched), ("Rows of some batches, not of all,", partly))
    return [
        f"{which} were left out in which rules recognised {' or '.join(names).replace('_', ' ')}; other may remain."
        for which, names in told
        if names
    ]


def _seeds(source: pl.DataFrame) -> list[str]:
    if "license" not in source.columns:
        return []
    counts: Mapping[str | None, int] = dict(source["license"].value_counts(sort=True).iter_rows())
    return [f"{rows:,} rows from seeds of licence {name or 'unknown'}" for name, rows in counts.items()]
