"""What in a model's answer to a problem is judged: a program, a final answer, a letter. There is no second chance."""

from dataclasses import dataclass

from evergrow.methods.answering.responses import read_response
from evergrow.methods.evaluation.problems import Problem
from evergrow.methods.verification.choices import options
from evergrow.methods.verification.finals import final_answer


@dataclass(frozen=True, slots=True)
class Final:
    """What is judged; None, and why, where the answer has nothing of the kind: it is wrong then."""

    final: str | None
    fault: str | None = None


def read_final(problem: Problem, answer: str) -> Final:
    """The program, the final answer or the letter in `answer`."""
    letters = options(problem.question) if problem.kind == "choice" else ()
    try:
        return Final(read_response(problem.kind, answer, letters).final)
    except ValueError as fault:
        # A model may state its result without a box: benchmarks of mathematics count that.
        stated = final_answer(answer, last_number=True) if problem.kind == "maths" else None
        return Final(stated, None if stated is not None else str(fault))
