"""Replies that the ledger holds for tables that a plan is about: what a run that was ended has paid for."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import dagster as dg

from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger, Rows
from evergrow.resources.ledger.sums import Replies
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import Work
from evergrow.resources.llm.rendering import request_key
from evergrow.resources.settings import Settings

Asked = Collection[tuple[str, str]]  # roles, each with the model that is asked in it


def unused_replies(
    workspace: Workspace, ledger: Ledger, owner: Rows, assets: Sequence[str], asked: Asked
) -> list[Replies]:
    """Of each table of `owner` whose key begins with one of `assets`: replies of use to what it asks that came after it
    was made last, or that came though it never was."""
    found = []
    for held in held_replies(ledger, owner, assets, asked):
        made = latest_materialization(workspace.instance, dg.AssetKey(held.asset.split("/")), held.partition)
        since = made.timestamp if made else 0.0
        if held.latest > since:
            later = ledger.costs.replies_of(replace(owner, since=since), asked)
            found += [one for one in later if one.table == held.table]
    return found


def held_replies(ledger: Ledger, owner: Rows, assets: Sequence[str], asked: Asked) -> list[Replies]:
    """Of each table of `owner` whose key begins with one of `assets`: the replies of use to what it asks."""
    return [held for held in ledger.costs.replies_of(owner, asked) if held.asset.startswith(tuple(assets))]


def still_asked(
    settings: Settings, ledger: Ledger, work: Work, requests: Iterable[Request], what: str
) -> tuple[Work, list[str]]:
    """What of a work no reply of the ledger settles, and what a plan says of the others; `what`: its requests' name."""
    role = settings.role(work.role)
    held = ledger.held([request_key(request, role) for request in requests])
    left = replace(work, requests=work.requests - held, most=work.most - held)
    said = f"{held:,} of {work.requests:,} {what} are in the ledger, and are not asked for again"
    return left, [said] if held else []


def note_of(replies: Sequence[Replies]) -> list[str]:
    """What a plan says of them; nothing where there are none."""
    if not replies:
        return []
    where: dict[str, int] = {}
    for one in replies:
        where[one.asset] = where.get(one.asset, 0) + one.requests
    tables = ", ".join(f"{asset} {count:,}" for asset, count in where.items())
    costs = [one.usd for one in replies if one.usd is not None]
    paid = f" and ${sum(costs):,.4f}" if len(costs) == len(replies) else ""
    return [
        f"the ledger already answers {counted(sum(where.values()), 'requests')} for these tables ({tables}): a run "
        f"asks none of them again, unless what is asked changes or with --fresh, and takes "
        f"{sum(one.tokens for one in replies):,} tokens{paid} less than it says here"
    ]
