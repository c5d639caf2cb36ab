"""A circuit breaker: an endpoint that fails again and again is left alone, then probed."""

TRIP = 10
FIRST_REST_S, LONGEST_REST_S = 1.0, 30.0


class Breaker:
    """Closed while requests succeed. After `TRIP` failures in a row it opens and lets nothing through for a rest, then
    one probe at a time; a probe that succeeds closes it, one that fails doubles the rest, up to `LONGEST_REST_S`.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._rest_s = FIRST_REST_S
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether only probes are let through."""
        return self._open_until is not None

    def wait_s(self, now: float) -> float | None:
        """Seconds until a request may pass, 0 if it may now; None while a probe is under way."""
        if self._open_until is None:
            return 0.0
        return None if self._probing else max(0.0, self._open_until - now)

    def enter(self) -> bool:
        """Let a request pass, which `wait_s` allowed; True if it is a probe."""
        self._probing = self.is_open
        return self._probing

    def succeeded(self) -> bool:
        """The endpoint answered; True if that closed the breaker."""
        closed = self.is_open
        self._failures, self._rest_s, self._open_until, self._probing = 0, FIRST_REST_S, None, False
        return closed

    def failed(self, now: float, *, probe: bool) -> bool:
        """A request failed; True if that opened the breaker. One that was sent before it opened changes nothing."""
        if probe:
            self._probing = False
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
            self._open_until = now + self._rest_s
            return False
        self._failures += 1
        if self.is_open or self._failures < TRIP:
            return False
        self.trip(now)
        return True

    def trip(self, now: float) -> None:
        """Open it."""
        self._open_until = now + self._rest_s
