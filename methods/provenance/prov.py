"""The way of a row as W3C PROV (PROV-JSON, W3C Member Submission of 24 April 2013): entities, activities, agents.

Texts and table versions are entities, requests and runs are activities, models and evergrow are agents.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from evergrow.methods.provenance.steps import TableVersion, TraceStep

PREFIXES = {"evergrow": "urn:evergrow:"}


class Document(defaultdict[str, dict[str, Any]]):
    """What a document holds, by kind and by name."""

    def __init__(self) -> None:
        super().__init__(dict)
        self._related: set[tuple[str, frozenset[tuple[str, str]]]] = set()

    def relate(self, relation: str, **ends: str) -> None:
        """Note a relation, once."""
        told = relation, frozenset(ends.items())
        if told not in self._related:
            self._related.add(told)
            self[relation][f"_:{relation}-{len(self[relation])}"] = {f"prov:{end}": name for end, name in ends.items()}


def prov_document(steps: Sequence[TraceStep], version: str, as_time: Callable[[float], str]) -> dict[str, Any]:
    """The steps as one PROV-JSON document.

    Args:
        steps: of the row's way.
        version: of evergrow.
        as_time: an epoch second as an xsd:dateTime.
    """
    document = Document()
    software = _name("software", f"evergrow-{version}")
    document["agent"][software] = {"prov:type": _qualified("prov:SoftwareAgent"), "prov:label": f"evergrow {version}"}
    known = {step.key for step in steps}
    for step in steps:
        entity = _name("row", step.key)
        document["entity"][entity] = _entity(step)
        for parent in step.parents:
            if parent in known:
                document.relate("wasDerivedFrom", generatedEntity=entity, usedEntity=_name("row", parent))
        for call in step.calls:
            parents = [_name("row", parent) for parent in step.parents if parent in known]
            times = {
                f"prov:{end}Time": as_time(call[at]) for end, at in (("start", "asked_at"), ("end", "answered_at"))
            }
            _add_call(document, {**call, "times": times}, entity, parents)
        for table in step.tables:
            _add_table(document, table, software)
            document.relate("hadMember", collection=_table_name(table), entity=entity)
    return {"prefix": PREFIXES, **document}


def _entity(step: TraceStep) -> dict[str, Any]:
    told = {"prov:type": f"evergrow:{step.kind}", "prov:label": f"{step.id}: {step.says}"}
    names = ("complexity", "diversity", "value", "verdict", "license", "source", "split")
    told |= {f"evergrow:{name}": step.row[name] for name in names if step.row.get(name) is not None}
    optional = {"prov:value": step.content, "evergrow:reason": step.reason, "evergrow:closed": step.closed}
    return {**told, **{name: value for name, value in optional.items() if value is not None}}


def _add_call(document: Document, call: Mapping[str, Any], entity: str, used: Sequence[str]) -> None:
    activity, model = _name("call", call["call_id"]), _name("model", call["model_returned"] or call["model"])
    told = {
        "prov:type": "evergrow:request",
        "prov:label": f"{call['role']} by prompt {call['prompt_version']}",
        **call["times"],
        "evergrow:request": json.dumps(call["request"], ensure_ascii=False, sort_keys=True),
    }
    names = ("role", "prompt_version", "reply", "tokens_in", "tokens_out", "usd", "endpoint", "run_id")
    told |= {f"evergrow:{name}": call[name] for name in names if call[name] is not None}
    document["activity"][activity] = told
    document["agent"][model] = {
        "prov:type": _qualified("prov:SoftwareAgent"),
        "prov:label": call["model_returned"] or call["model"],
    }
    document.relate("wasAssociatedWith", activity=activity, agent=model)
    document.relate("wasGeneratedBy", entity=entity, activity=activity)
    for parent in used:
        document.relate("used", activity=activity, entity=parent)


def _add_table(document: Document, table: TableVersion, software: str) -> None:
    entity, run = _table_name(table), _name("run", table.run_id)
    told: dict[str, Any] = {
        "prov:type": _qualified("prov:Collection"),
        "prov:label": f"{table.table} of {table.partition}, version {table.data_version}",
        "evergrow:file": table.file,
        "prov:generatedAtTime": table.made_at,
    }
    if table.gate:
        told |= {"evergrow:gate": f"{table.gate.check} {table.gate.state}"}
    optional = {"evergrow:code_version": table.code_version, "evergrow:recipe": table.recipe}
    document["entity"][entity] = told | {name: value for name, value in optional.items() if value is not None}
    document["activity"][run] = {"prov:type": "evergrow:run", "prov:label": f"run {table.run_id}"}
    document.relate("wasAssociatedWith", activity=run, agent=software)
    document.relate("wasGeneratedBy", entity=entity, activity=run)
    for read in table.read:
        source = _name("table", f"{read.table}/{read.partition}/{read.data_version}")
        label = f"{read.table} of {read.partition}, version {read.data_version}"
        document["entity"].setdefault(source, {"prov:type": _qualified("prov:Collection"), "prov:label": label})
        document.relate("wasDerivedFrom", generatedEntity=entity, usedEntity=source)


def _table_name(table: TableVersion) -> str:
    return _name("table", f"{table.table}/{table.partition}/{table.data_version}")


def _name(kind: str, what: str) -> str:
    """A qualified name: what is not a letter, a digit or one of `-._~` is percent-encoded."""
    return f"evergrow:{kind}-{quote(str(what), safe='')}"


def _qualified(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}
