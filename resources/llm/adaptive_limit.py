"""How many requests an endpoint is given at once: more while it takes them, fewer while it refuses many."""

START = 16
GROWTH = 4.0  # times a round
MEMORY = 32  # outcomes over which the share of refusals is judged
TOLERATED_SHARE = 0.25
DECREASE = 0.7


class AdaptiveLimit:
    """Additive increase, multiplicative decrease on the share of rate-limit refusals, not on each of them.

    A gateway shared with others refuses a stray request now and then; that request waits and the rest goes on. Only
    when more than `TOLERATED_SHARE` of recent requests were refused is the limit lowered, once per round of requests.
    It starts at `START` and grows `GROWTH` times a round until the first decrease, as TCP's slow start doubles: a round
    of requests to a model may take half a minute, and a refusal costs nothing.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(most, START))
        self._starting = True
        self._share = 0.0
        self._settling = 0

    @property
    def limit(self) -> int:
        """Requests that may be in flight now, at least 1."""
        return int(self._limit)

    def accepted(self, in_flight: int) -> None:
        """A request was taken, while `in_flight` were under way; the limit grows only while it is made use of."""
        self._share -= self._share / MEMORY
        self._settling = max(0, self._settling - 1)
        if (GROWTH if self._starting else 2) * in_flight >= self._limit:
            self._limit = min(self._most, self._limit + (GROWTH - 1 if self._starting else 1.0 / self._limit))

    def refused(self, in_flight: int) -> bool:
        """A request was refused for its rate, while `in_flight` were under way; True if the limit was lowered."""
        self._share += (1.0 - self._share) / MEMORY
        if self._settling:
            self._settling -= 1  # sent before the last decrease: it says nothing about the new limit
            return False
        if self._share <= TOLERATED_SHARE:
            return False
        self._limit = max(1.0, self._limit * DECREASE)
        self._starting = False
        self._share = TOLERATED_SHARE / 2
        self._settling = in_flight
        return True
