"""The LLM engine: asks models within limits and budget, saves each reply before it is used, and never pays twice.

Here live requests and their outcomes, the client, admission and retries. What is asked, and what an answer means, is
decided by the caller's prompts and parsers; nothing here knows a method or Dagster.
"""

from evergrow.resources.llm.addresses import Address
from evergrow.resources.llm.budget import BudgetReached
from evergrow.resources.llm.engine import Engine
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.llm.requests import Answered, Attribution, Failed, Invalid, Outcome, Refused, Request

__all__ = [
    "Address",
    "Answered",
    "Attribution",
    "BudgetReached",
    "EndpointError",
    "Engine",
    "Failed",
    "Invalid",
    "Outcome",
    "Refused",
    "Request",
]
