"""How a command ends: its exit code, and the words for errors that are the user's to mend, without a traceback."""

from pathlib import Path

import dagster as dg
from sqlalchemy.exc import DatabaseError, OperationalError

from evergrow.cli.ui import UiError
from evergrow.flows.calibrate import NeverCalibrated
from evergrow.flows.calls import UnknownCall
from evergrow.flows.data_docs import NothingJudged
from evergrow.flows.evaluate import NeverEvaluated
from evergrow.flows.export import NothingCollected
from evergrow.flows.export_trace import UnknownLine
from evergrow.flows.forget import NothingDescends, TakedownOwed
from evergrow.flows.release import UnknownRelease
from evergrow.flows.release_files import DoesNotLoad
from evergrow.flows.run import RunFailed
from evergrow.flows.submissions import BatchFailed
from evergrow.flows.trace import UnknownSample
from evergrow.flows.workspace import UnknownTable
from evergrow.methods.treesynth.domain_files import DomainError
from evergrow.methods.treesynth.reference_files import TreeFileError
from evergrow.resources.backup.archive import BackupError, BackupNameError
from evergrow.resources.benchmarks import BenchmarkError
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.host.destinations import UnwritableError
from evergrow.resources.host.full_disk import full_disk, full_disk_message
from evergrow.resources.host.home import HomeError
from evergrow.resources.host.open_files import RAISE, TooFewFilesError, too_many_files
from evergrow.resources.lake.content_files import DamagedFile
from evergrow.resources.lake.files_out import UnknownFormat
from evergrow.resources.ledger import LedgerError, LedgerUrlError
from evergrow.resources.llm import BudgetReached, EndpointError
from evergrow.resources.local_llm import LocalModelError
from evergrow.resources.registry.batches import BatchError
from evergrow.resources.registry.leases import BatchBusy
from evergrow.resources.registry.releases import ReleaseNameError
from evergrow.resources.registry.trees import TreeError
from evergrow.resources.releases.attestation import KeyFileError
from evergrow.resources.releases.folders import FolderTaken
from evergrow.resources.releases.manifest import ManifestError
from evergrow.resources.releases.pushing import PushError, RepositoryNameError
from evergrow.resources.releases.writing import NothingToRelease
from evergrow.resources.seeds.source import SeedError
from evergrow.resources.settings import SettingsError

DONE, FAILED, MISUSED = 0, 1, 2
RESTORE = "mend it, or go back to a backup: `evergrow restore`"

# A name, a setting or a file that was given is wrong: the same command ends so again.
_MISUSE = (
    *(SettingsError, LedgerUrlError, HomeError, EmbedderError),
    *(BatchError, TreeError, ReleaseNameError, RepositoryNameError),
    *(UnknownTable, UnknownSample, UnknownLine, UnknownCall, UnknownRelease, UnknownFormat, KeyFileError),
    *(SeedError, DomainError, TreeFileError, BenchmarkError, ManifestError, FolderTaken),
    *(BackupNameError, UnwritableError, NothingDescends),
    *(FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError),
)
# The work failed, or was refused: by a gate, a budget, an endpoint, another process, the state of the project.
_FAILURE = (
    *(RunFailed, BatchFailed, BatchBusy, BudgetReached, EndpointError, LocalModelError, dg.Failure),
    *(NothingCollected, NothingToRelease, NeverCalibrated, NeverEvaluated, NothingJudged, DoesNotLoad, TakedownOwed),
    *(DamagedFile, LedgerError, UiError, PushError, BackupError, OSError),
)


def end_of(error: BaseException) -> tuple[int, str] | None:
    """The exit code that an error ends a command with, and what is said; None for a fault of evergrow's own."""
    worded = not isinstance(error, _MISUSE)  # what these quote may be a name
    if not isinstance(error, TooFewFilesError) and too_many_files(error, by_words=worded):
        return FAILED, f"too many open files: {error}; {RAISE}"
    number = full_disk(error) if isinstance(error, (*_MISUSE, *_FAILURE)) else None
    code = MISUSED if isinstance(error, _MISUSE) and not number else FAILED
    if number and isinstance(error, OSError) and type(error).__str__ is OSError.__str__:  # in no words of ours
        return code, full_disk_message(f"the file {Path(error.filename)}" if error.filename else "a file", number)
    if isinstance(error, OSError) and error.filename and type(error).__str__ is OSError.__str__:
        return code, f"{error.filename} cannot be used: {str(error.strerror).lower()}; mend that, or name another"
    if type(error) in (DatabaseError, OperationalError):  # its subclasses are faults of evergrow's own
        said = getattr(error, "orig", None) or error
        return FAILED, f"a database cannot be used, the ledger's or one in dagster/ of the home: {said}; {RESTORE}"
    if isinstance(error, (*_MISUSE, *_FAILURE)):
        return code, str(getattr(error, "description", None) or error)
    return None
