"""Spending limits that hold: the worst case is set aside before a request is sent, and settled when it comes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from evergrow.resources.ledger import NOTHING, Amount, Claim, Grant, Ledger, OwnerKind, Rows
from evergrow.resources.llm import prices
from evergrow.resources.llm.rendering import TEMPLATE_BYTES
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.roles import CORE_ROLES
from evergrow.resources.settings.spending import Limits

NEW_RUN = ""  # no run has this id: a run that starts now has spent nothing


class BudgetReached(Exception):  # noqa: N818 - no error: a run that ends as it was told to
    """A limit leaves no room for another request; the message says which, what is spent, and how to go on."""


@dataclass(slots=True)
class Limit:
    """One limit, and the part of it that this run may spend.

    Attributes:
        setting, scope: its path, and what it limits, in words.
        key: by which all who share the limit know it.
        limits: the limit itself.
        rows: those of the ledger that count now.
        block: what this run may still spend; `held` of it is set aside for requests in flight.
        reach: how far the limit is spent, by all who share it, once this run's block is spent; as last seen.
        others: what runs beside this one may still spend; as last seen.
    """

    setting: str
    scope: str
    key: str
    limits: Limits
    rows: Callable[[], Rows]
    block: Amount = NOTHING
    held: Amount = NOTHING
    reach: Amount = NOTHING
    others: Amount = NOTHING

    def short(self, want: Amount) -> Amount:
        """What is missing to set `want` aside as well."""
        missing = self.held + want - self.block
        tokens = 0 if self.limits.max_tokens is None else max(0, missing.tokens)
        return Amount(tokens, 0.0 if self.limits.max_usd is None else max(0.0, missing.usd))

    def fits(self, want: Amount) -> bool:
        """Whether `want` can be set aside as well."""
        return self.short(want) == NOTHING

    def receive(self, grant: Grant, *, anew: bool) -> None:
        """Take in what the ledger granted; `anew`: what was held before is void."""
        self.block = grant.added if anew else self.block + grant.added
        self.reach, self.others = grant.spent + grant.block, grant.others

    def reached(self, want: Amount) -> BudgetReached:
        """The message that ends the run."""
        total = self.reach - self.block
        if self.short(want).tokens:
            name, limit = "max_tokens", f"{self.limits.max_tokens:,} tokens"
            spent, next_, beside = (f"{amount.tokens:,}" for amount in (total, want, self.others))
            shared = self.others.tokens > 0
        else:
            name, limit = "max_usd", f"${self.limits.max_usd:,.4f}"
            spent, next_, beside = (f"${amount.usd:,.4f}" for amount in (total, want, self.others))
            shared = self.others.usd > 0
        kept = f" (runs beside this one may spend {beside} of the rest)" if shared else ""
        return BudgetReached(
            f"budget reached: {self.setting}.{name} is {limit} for {self.scope}, {spent} is spent{kept}, and the next"
            f" request may take up to {next_}; raise the limit and run again, what is answered is not asked again"
        )


class Budget:
    """The limits that a run draws from, all at once."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = limits

    @property
    def in_money(self) -> bool:
        """Whether any limit is in money, so that every price has to be known."""
        return any(limit.limits.max_usd is not None for limit in self.limits)

    @property
    def in_flight(self) -> bool:
        """Whether anything is set aside that has to be settled still."""
        return any(limit.held.tokens > 0 for limit in self.limits)

    @property
    def held(self) -> Amount:
        """What is set aside for requests in flight."""
        return self.limits[0].held if self.limits else NOTHING

    def reserve(self, want: Amount) -> bool:
        """Set `want` aside in every limit; False, and nothing is, where one has no room."""
        for limit in self.limits:
            if not limit.fits(want):
                return False
        for limit in self.limits:
            limit.held += want
        return True

    def reached(self, want: Amount) -> BudgetReached | None:
        """Which limit has no room for `want`, as the message that ends the run; None if it fits."""
        return next((limit.reached(want) for limit in self.limits if not limit.fits(want)), None)

    def settle(self, held: Amount, spent: Amount) -> None:
        """Replace what was set aside by what was spent."""
        for limit in self.limits:
            limit.held -= held
            limit.block -= spent


def limits(settings: Settings, ledger: Ledger, owner: str, run: str, kind: OwnerKind = "batch") -> list[Limit]:
    """The limits that the settings have for an owner, which is of this kind, for a run and for this month.

    A tree and the batch that its samples were registered as share one. A block of a month goes on into the next one: it
    may be spent in either, so that it counts in both.
    """
    budget = settings.budget
    of_owner = Limit("budget", f"{kind} {owner!r}", f"{kind} {owner}", budget, lambda: Rows(batch=owner, kind=kind))
    if kind == "tree" or (kind == "batch" and ledger.holds_tree(owner)):
        of_owner = _of_tree(ledger, owner, budget)
    found = [
        of_owner,
        Limit("budget.run", "this run", f"run {run}", budget.run, lambda: Rows(run_id=run)),
        Limit("budget.month", f"{_month():%B %Y}", "month", budget.month, lambda: Rows(since=_month().timestamp())),
    ]
    return [limit for limit in found if limit.limits.max_tokens is not None or limit.limits.max_usd is not None]


def _of_tree(ledger: Ledger, tree: str, budget: Limits) -> Limit:
    def rows() -> Rows:  # looked up at every sum: the samples may be registered while a run grows the tree
        return Rows(batch=tree, kind="tree", also="batch" if ledger.holds_tree(tree) else None)

    scope = f"tree {tree!r}" + (" and the answers to its samples" if rows().also else "")
    return Limit("budget", scope, f"tree {tree}", budget, rows)


def _month() -> datetime:
    return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def spent_of(settings: Settings, ledger: Ledger, limit: Limit) -> Amount:
    """What is spent of a limit, by all who share it: rows of the ledger, and what Batch APIs may still answer.

    Raises:
        SettingsError: the limit is in US dollars, and the ledger holds replies whose cost cannot be known.
    """
    # Requests at Batch APIs come first: one that is answered between the reads then counts twice, and not never.
    rows, money = limit.rows(), limit.limits.max_usd is not None
    handed_in = ledger.submissions.set_aside(rows)
    unknown = prices.unpriced(ledger.costs.unpriced(rows), partial(prices.price_of, settings), money=money)
    return handed_in + ledger.costs.spent_on(rows).amount + Amount(*unknown)


def claims(settings: Settings, ledger: Ledger, budget: Budget, want: Amount) -> list[Claim]:
    """What is to be asked of the ledger so that `want` can be set aside in every limit."""
    return [
        Claim(
            limit.key,
            limit.limits.max_tokens,
            limit.limits.max_usd,
            limit.short(want),
            partial(spent_of, settings, ledger, limit),
        )
        for limit in budget.limits
    ]


def room(settings: Settings, ledger: Ledger, owner: str, kind: OwnerKind = "batch") -> str | None:
    """Why a run of `owner` that starts now could send nothing: which limit is used up; None while there is room.

    Room is what the smallest request of the cheapest role may take at most: an empty prompt, an answer at its limit.

    Raises:
        SettingsError: a limit is in US dollars and a price is missing.
    """
    budget = Budget(limits(settings, ledger, owner, NEW_RUN, kind))
    for limit in budget.limits:
        limit.others, spent = ledger.reservations.held(limit.key), spent_of(settings, ledger, limit)
        limit.reach = Amount(limit.limits.max_tokens or 0, limit.limits.max_usd or 0.0) - limit.others
        limit.block = limit.reach - spent
    wants = [_smallest(settings, role, money=budget.in_money) for role in CORE_ROLES]
    closed = [limit for limit in budget.limits if not any(limit.fits(want) for want in wants)]
    return str(closed[0].reached(min(wants, key=lambda want: (want.usd, want.tokens)))) if closed else None


def _smallest(settings: Settings, role: str, *, money: bool) -> Amount:
    asked = settings.role(role)
    usd = prices.cost(prices.price_of(settings, asked.model or ""), TEMPLATE_BYTES, None, asked.max_tokens)
    if usd is None and money:
        raise SettingsError(prices.missing(asked.model or ""))
    return Amount(TEMPLATE_BYTES + asked.max_tokens, usd or 0.0)
