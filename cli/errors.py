"""Which errors are the user's to mend: their messages are shown as they are, without a traceback."""

import dagster as dg

from evergrow.cli.ui import UiError
from evergrow.flows.calibrate import NeverCalibrated
from evergrow.flows.calls import UnknownCall
from evergrow.flows.evaluate import NeverEvaluated
from evergrow.flows.export import NothingCollected
from evergrow.flows.release_files import DoesNotLoad
from evergrow.flows.run import RunFailed
from evergrow.flows.submissions import BatchFailed
from evergrow.flows.trace import UnknownSample
from evergrow.flows.workspace import UnknownTable
from evergrow.methods.treesynth.domain_files import DomainError
from evergrow.methods.treesynth.reference import TreeFileError
from evergrow.resources.backup.store import BackupError
from evergrow.resources.benchmarks import BenchmarkError
from evergrow.resources.embedding.models import EmbedderError
from evergrow.resources.host.home import HomeError
from evergrow.resources.lake.files import DamagedFile
from evergrow.resources.lake.files_out import UnknownFormat
from evergrow.resources.ledger import LedgerError
from evergrow.resources.llm import BudgetReached, EndpointError
from evergrow.resources.local_llm import LocalModelError
from evergrow.resources.registry.batches import BatchError
from evergrow.resources.registry.leases import BatchBusy
from evergrow.resources.registry.trees import TreeError
from evergrow.resources.releases.manifest import ManifestError
from evergrow.resources.releases.pushing import PushError
from evergrow.resources.releases.writing import FolderTaken, NothingToRelease
from evergrow.resources.seeds.source import SeedError
from evergrow.resources.settings import SettingsError

USAGE = (
    SettingsError,
    BatchError,
    UnknownTable,
    UnknownFormat,
    UnknownSample,
    UnknownCall,
    TreeError,
    DomainError,
    TreeFileError,
)
FAILURE = (
    *(RunFailed, BatchFailed, NothingCollected, SeedError, HomeError, BatchBusy, DamagedFile, LedgerError),
    *(UiError, BenchmarkError, DoesNotLoad, ManifestError, PushError, FolderTaken, NothingToRelease),
    *(BudgetReached, EndpointError, EmbedderError, LocalModelError, dg.Failure, OSError),
    *(NeverCalibrated, NeverEvaluated, BackupError),
)
