"""Token buckets: requests and tokens per minute."""

BURST_S = 2.0  # how much of a minute's allowance may come at once
MINUTE_S = 60.0


class Bucket:
    """An allowance that refills evenly. Amounts are requests or tokens, times are seconds of one clock.

    An amount larger than the bucket is let through when the bucket is full and leaves it in debt, so that the rate
    holds over time. What was taken too much, because it had to be estimated, is given back.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / MINUTE_S
        self._size = max(1.0, self._rate * BURST_S)
        self._level = self._size
        self._at = now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; 0 if it may be now."""
        self._refill(now)
        missing = min(amount, self._size) - self._level
        return max(0.0, missing / self._rate)

    def take(self, amount: float, now: float) -> None:
        """Take `amount`, whatever is there; a negative one gives back."""
        self._refill(now)
        self._level = min(self._size, self._level - amount)

    def _refill(self, now: float) -> None:
        self._level = min(self._size, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
