"""The ledger: every request to a model is a row, saved before its reply is used, so that nothing is paid for twice.

Here live the table, its reads and its group commits. Keys and secrets never enter it; nothing here talks to a model.
"""

from evergrow.resources.ledger.database import LedgerError, LedgerUrlError
from evergrow.resources.ledger.group_commit import GroupCommit
from evergrow.resources.ledger.intents import Intent, Intents
from evergrow.resources.ledger.ledger import Ledger, ReplyNote
from evergrow.resources.ledger.records import NOTHING, Amount, Call, Spent, StoredReply, Usage
from evergrow.resources.ledger.reservations import Charge, Claim, Grant, Holder, Reservations, Taken
from evergrow.resources.ledger.submission_records import Line, Owner, Pending, Settled, State, Submission
from evergrow.resources.ledger.submissions import Submissions
from evergrow.resources.ledger.sums import LOST, Rows

__all__ = [
    "LOST",
    "NOTHING",
    "Amount",
    "Call",
    "Charge",
    "Claim",
    "Grant",
    "GroupCommit",
    "Holder",
    "Intent",
    "Intents",
    "Ledger",
    "LedgerError",
    "LedgerUrlError",
    "Line",
    "Owner",
    "Pending",
    "ReplyNote",
    "Reservations",
    "Rows",
    "Settled",
    "Spent",
    "State",
    "StoredReply",
    "Submission",
    "Submissions",
    "Taken",
    "Usage",
]
