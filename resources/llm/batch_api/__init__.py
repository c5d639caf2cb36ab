"""Asks through Batch APIs: requests are handed in as files, and their answers come within a day, at a lower price.

A step hands in what the ledger cannot answer and ends; `poll` fetches what has come, and the step then runs again.
Here live submitting, polling and fetching. Who starts a run again is decided elsewhere.
"""

from evergrow.resources.llm.batch_api.waiting import AwaitingBatch, told

__all__ = ["AwaitingBatch", "told"]
