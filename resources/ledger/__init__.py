"""The ledger: every request to a model is a row, saved before its reply is used, so that nothing is paid for twice.

Here live the table, its reads and its group commits. Keys and secrets never enter it; nothing here talks to a model.
"""

from evergrow.resources.ledger.costs import Costs
from evergrow.resources.ledger.database import LedgerError, LedgerUrlError
from evergrow.resources.ledger.group_commit import GroupCommit
from evergrow.resources.ledger.intents import Intent, Intents
from evergrow.resources.ledger.ledger import Ledger, ReplyNote
from evergrow.resources.ledger.owner_kinds import OwnerKind, kind_of, tree_origin
from evergrow.resources.ledger.records import NOTHING, Amount, Call, Spent, StoredReply, Usage
from evergrow.resources.ledger.reservations import BlockHolder, Charge, Claim, Grant, Reservations, Reserved
from evergrow.resources.ledger.submission_records import Owner, Pending, Settled, State, Submission, SubmissionLine
from evergrow.resources.ledger.submissions import Submissions
from evergrow.resources.ledger.sums import LOST, Rows

__all__ = [
    "LOST",
    "NOTHING",
    "Amount",
    "BlockHolder",
    "Call",
    "Charge",
    "Claim",
    "Costs",
    "Grant",
    "GroupCommit",
    "Intent",
    "Intents",
    "Ledger",
    "LedgerError",
    "LedgerUrlError",
    "Owner",
    "OwnerKind",
    "Pending",
    "ReplyNote",
    "Reservations",
    "Reserved",
    "Rows",
    "Settled",
    "Spent",
    "State",
    "StoredReply",
    "Submission",
    "SubmissionLine",
    "Submissions",
    "Usage",
    "kind_of",
    "tree_origin",
]
