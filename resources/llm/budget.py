"""Spending limits that hold: the worst case is set aside before a request is sent, and settled when it comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from evergrow.resources.ledger import Ledger, Rows
from evergrow.resources.llm import prices
from evergrow.resources.llm.rendering import TEMPLATE_BYTES
from evergrow.resources.settings import Settings, SettingsError, models
from evergrow.resources.settings.models import CORE_ROLES

NEW_RUN = ""  # no run has this id: a run that starts now has spent nothing


class BudgetReached(Exception):  # noqa: N818 - no error: a run that ends as it was told to
    """A limit leaves no room for another request; the message says which, what is spent, and how to go on."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that a request may cost. `usd` is 0 where no limit is in money."""

    tokens: int
    usd: float


@dataclass(slots=True)
class Purse:
    """One limit with what this run and others have spent, and what is set aside.

    `setting` is its path and `scope` what it limits, in words; `rows` are those of the ledger that count.
    """

    setting: str
    scope: str
    limits: models.Limits
    rows: Rows
    tokens: int
    usd: float
    others_tokens: int = 0
    others_usd: float = 0.0
    held_tokens: int = 0
    held_usd: float = 0.0

    def fits(self, want: Reservation) -> bool:
        """Whether `want` can be set aside as well."""
        return self._tokens_fit(want) and self._usd_fits(want)

    def _tokens_fit(self, want: Reservation) -> bool:
        limit = self.limits.max_tokens
        return limit is None or self.tokens + self.others_tokens + self.held_tokens + want.tokens <= limit

    def _usd_fits(self, want: Reservation) -> bool:
        limit = self.limits.max_usd
        return limit is None or self.usd + self.others_usd + self.held_usd + want.usd <= limit

    def reached(self, want: Reservation) -> BudgetReached:
        """The message that ends the run."""
        if not self._tokens_fit(want):
            name, limit = "max_tokens", f"{self.limits.max_tokens:,} tokens"
            spent, next_ = f"{self.tokens + self.others_tokens:,}", f"{want.tokens:,}"
        else:
            name, limit = "max_usd", f"${self.limits.max_usd:,.4f}"
            spent, next_ = f"${self.usd + self.others_usd:,.4f}", f"${want.usd:,.4f}"
        return BudgetReached(
            f"budget reached: {self.setting}.{name} is {limit} for {self.scope}, {spent} is spent, and the next request"
            f" may take up to {next_}; raise the limit and run again, what is answered is not asked again"
        )


class Budget:
    """The purses that a run draws from, all at once."""

    def __init__(self, purses: Sequence[Purse]) -> None:
        self.purses = [p for p in purses if p.limits.max_tokens is not None or p.limits.max_usd is not None]

    @property
    def in_money(self) -> bool:
        """Whether any limit is in money, so that every price has to be known."""
        return any(purse.limits.max_usd is not None for purse in self.purses)

    def reserve(self, want: Reservation) -> bool:
        """Set `want` aside in every purse; False if one has to wait until requests in flight are settled.

        Raises:
            BudgetReached: it does not fit, and nothing in flight could make room.
        """
        for purse in self.purses:
            if not purse.fits(want):
                if not purse.held_tokens:
                    raise purse.reached(want)
                return False
        self._hold(want, 1)
        return True

    def settle(self, held: Reservation, tokens: int, usd: float) -> None:
        """Replace what was set aside by what was spent."""
        self._hold(held, -1)
        for purse in self.purses:
            purse.tokens += tokens
            purse.usd += usd

    def _hold(self, amount: Reservation, sign: int) -> None:
        for purse in self.purses:
            purse.held_tokens += sign * amount.tokens
            purse.held_usd += sign * amount.usd


def purses(settings: Settings, ledger: Ledger, batch: str, run: str) -> list[Purse]:
    """The purses of a batch and a run with what the run has spent already; what others spend is still to be read.

    Raises:
        SettingsError: a limit is in US dollars, and the ledger holds replies whose cost cannot be known.
    """
    budget = settings.budget
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    scopes: list[tuple[str, str, models.Limits, Rows]] = [
        ("budget", f"batch {batch!r}", budget, Rows(batch=batch)),
        ("budget.run", "this run", budget.run, Rows(run_id=run)),
        ("budget.month", f"{month:%B %Y}", budget.month, Rows(since=month.timestamp())),
    ]
    found = []
    for setting, scope, limits, rows in scopes:
        if limits.max_tokens is not None or limits.max_usd is not None:
            own = ledger.spent_on(replace(rows, run_id=run))
            tokens, usd = prices.unpriced(ledger.unpriced(rows), settings.prices, money=limits.max_usd is not None)
            found.append(Purse(setting, scope, limits, rows, own.tokens + tokens, own.usd + usd))
    return found


def room(settings: Settings, ledger: Ledger, batch: str) -> str | None:
    """Why a run of `batch` that starts now could send nothing: which limit is used up; None while there is room.

    Room is what the smallest request of the cheapest role may take at most: an empty prompt, an answer at its limit.

    Raises:
        SettingsError: a limit is in US dollars and a price is missing.
    """
    budget = Budget(purses(settings, ledger, batch, NEW_RUN))
    for purse in budget.purses:
        rows = replace(purse.rows, other_than=NEW_RUN)
        spent, (tokens, usd) = ledger.spent_on(rows), ledger.submissions.set_aside(rows)
        purse.others_tokens, purse.others_usd = spent.tokens + tokens, spent.usd + usd
    wants = [_smallest(settings, role, money=budget.in_money) for role in CORE_ROLES]
    closed = [purse for purse in budget.purses if not any(purse.fits(want) for want in wants)]
    return str(closed[0].reached(min(wants, key=lambda want: (want.usd, want.tokens)))) if closed else None


def _smallest(settings: Settings, role: str, *, money: bool) -> Reservation:
    asked = settings.role(role)
    usd = prices.cost(settings.prices.get(asked.model or ""), TEMPLATE_BYTES, None, asked.max_tokens)
    if usd is None and money:
        raise SettingsError(prices.missing(asked.model or ""))
    return Reservation(TEMPLATE_BYTES + asked.max_tokens, usd or 0.0)
