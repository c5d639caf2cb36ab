"""Which errors are the user's to mend: their messages are shown as they are, without a traceback."""

import dagster as dg

from evergrow.cli.awaiting import BatchFailed
from evergrow.cli.export import NothingCollected
from evergrow.cli.runs import RunFailed
from evergrow.cli.trace import UnknownSample
from evergrow.cli.workspace import UnknownTable
from evergrow.methods.treesynth.domain_files import DomainError
from evergrow.methods.treesynth.reference import TreeFileError
from evergrow.resources.batches import BatchError
from evergrow.resources.embedder import EmbedderError
from evergrow.resources.exports import FolderTaken
from evergrow.resources.home import BatchBusy, HomeError
from evergrow.resources.ledger import LedgerError
from evergrow.resources.llm import BudgetReached, EndpointError
from evergrow.resources.local_llm import LocalModelError
from evergrow.resources.seeds import SeedError
from evergrow.resources.settings import SettingsError
from evergrow.resources.tables import UnknownFormat
from evergrow.resources.trees import TreeError

USAGE = (SettingsError, BatchError, UnknownTable, UnknownFormat, UnknownSample, TreeError, DomainError, TreeFileError)
FAILURE = (
    *(RunFailed, BatchFailed, NothingCollected, FolderTaken, SeedError, HomeError, BatchBusy, LedgerError),
    *(BudgetReached, EndpointError, EmbedderError, LocalModelError, dg.Failure, OSError),
)
