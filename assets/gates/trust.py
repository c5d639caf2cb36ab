"""What the gate of a judge's calibration expects, as data; see `suite`."""

from collections.abc import Mapping

from evergrow.assets.gates.suite import Suite, at_least, at_most, complete, none, unique

TRUST_SUITES: Mapping[str, Suite] = {
    "judge": Suite(
        (
            complete("the readings of the planted tasks"),
            unique("every reading stands in one row"),
            at_most("the judge read the planted tasks", "unread", "gates.judge.max_unread"),
            none("every figure that is judged was measured", "unmeasured"),
            at_least(
                "the rank correlation with the known order is high enough",
                "rank_correlation",
                "gates.judge.min_rank_correlation",
            ),
            at_most("a task's two readings are near each other", "retest_change", "gates.judge.max_retest_change"),
            at_most("injected words do not raise the score", "injection_gain", "gates.judge.max_injection_gain"),
        ),
    ),
}
