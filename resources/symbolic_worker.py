"""The process that compares expressions: `python -m evergrow.resources.symbolic_worker LIMIT_S MEMORY_BYTES`.

It reads pairs as JSON, a line each, and answers `true` or `false`, until its input ends. Whatever takes longer than the
limit ends the process: by a signal's default action, because no handler runs while one long operation on a number does.
"""

import json
import logging
import resource
import signal
import sys

from evergrow.methods.verification.maths import equal
from evergrow.resources.symbolic import READY


def main() -> None:
    """Answer until there is nothing more to answer."""
    limit_s, memory_bytes = float(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.WARNING)  # math-verify warns that its own time limits are off
    equal("1", "2")  # loads what it takes, outside of the limit
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        first, second = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        answer = equal(first, second)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
