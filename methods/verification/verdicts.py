"""What verification says of an answer."""

from enum import StrEnum


class Verdict(StrEnum):
    """How an answer fared. Only `PASS` says that it is right; the settings say which others go on.

    `FAIL` (a test or the vote is against it), `TIMEOUT`, `CRASH` (a signal, too much output), `OOM`: it was tried.
    `SANDBOX_UNAVAILABLE`: it could not be tried. `UNVERIFIED`: nothing that counts speaks for it or against it.
    """

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    TIMEOUT = "timeout"
    CRASH = "crash"
    OOM = "oom"
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    UNVERIFIED = "unverified"
