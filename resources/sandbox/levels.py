"""How far a sandbox isolates: bubblewrap's namespaces, or a plain process with the limits that the kernel gives."""

import os
import shutil
import stat
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Name = Literal["bubblewrap", "process"]
Guarantee = Literal["network", "files", "processes"]
EVERYTHING: frozenset[str] = frozenset({"network", "files", "processes"})

FOLDER = "/tmp"  # noqa: S108 - the sandbox's own
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/mime.types")
FLAGS = ("-s", "-S", "-X", "utf8")
# What differs from run to run would make verdicts differ: the order of sets must not.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
# Users that systemd hands out for a while: no files are theirs. One for each guard alive, as a user's processes are
# counted together, and may kill each other.
FIRST_USER, USERS = 61184, 4336


class SandboxUnavailable(Exception):  # noqa: N818 - it is a state of the machine, not a fault
    """Generated code cannot be run here; the message names why and the remedy."""


@dataclass(frozen=True, slots=True)
class Level:
    """A way to start the guard.

    Attributes:
        name: what rows say of where they ran.
        command: starts the guard, which reads its request from stdin.
        confines: whether the guard confines the program by itself, and keeps its folder outside.
        readable: files and folders that the program may read, where the guard confines it.
        drops_user: whether the program runs as another user than evergrow.
    """

    name: Name
    command: tuple[str, ...]
    confines: bool
    readable: tuple[str, ...]
    drops_user: bool


def bubblewrap(folder_bytes: int) -> Level:
    """Namespaces of its own, with the system and the interpreter to be read and a folder in memory to be written.

    The folder holds up to `folder_bytes`.

    Root makes them without a user namespace, in which no limit of processes would bind it, and drops to another user.

    Raises:
        SandboxUnavailable: bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable("bubblewrap is not installed: install it (Debian: apt-get install bubblewrap)")
    root = os.geteuid() == 0
    user = (
        ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_KILL"] if root else ["--unshare-user"]
    )
    interpreter, prefixes = own_interpreter()
    command = [
        program, "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--cap-drop", "ALL", *user, "--hostname", "sandbox", *_binds(prefixes),
        "--size", str(folder_bytes), "--perms", "0777", "--tmpfs", FOLDER, "--remount-ro", "/", "--chdir", FOLDER,
        interpreter, *FLAGS, "-c", guard_source(),
    ]  # fmt: skip
    return Level("bubblewrap", tuple(command), confines=False, readable=(), drops_user=root)


def process() -> Level:
    """A plain process; as root, one of another user. The rest depends on the kernel: the guard reports what holds.

    Raises:
        SandboxUnavailable: this is root, and no interpreter lies where another user may read it.
    """
    root = os.geteuid() == 0
    interpreter, prefixes = own_interpreter()
    if root and not _open_to_all(Path(interpreter)):
        found = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
        if found is None:
            remedy = "install Python for all users (Debian: apt-get install python3), or do not run as root"
            raise SandboxUnavailable(f"only root may read the interpreter {interpreter}: {remedy}")
        interpreter, prefixes = found, ("/usr",)
    readable = tuple(path for path in (*SYSTEM, *prefixes) if Path(path).exists())
    command = (interpreter, *FLAGS, "-c", guard_source())
    return Level("process", command, confines=True, readable=readable, drops_user=root)


@cache
def guard_source() -> str:
    """The program of the guard, with the module that it imports."""
    here = Path(__file__).parent
    confinement, guard = ((here / f"{name}.py").read_text(encoding="utf-8") for name in ("confinement", "guard"))
    name = f"{__package__}.confinement"
    module = f"module = sys.modules[{name!r}] = type(sys)({name!r})"
    return f"import sys\n{module}\nexec({confinement!r}, module.__dict__)\nexec({guard!r})"


def own_interpreter() -> tuple[str, tuple[str, ...]]:
    """The interpreter that this one's environment was made from, and the folders that it needs: no packages of ours."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix) / "bin" / version
    interpreter = base if base.exists() else Path(sys.executable).resolve()
    return str(interpreter), tuple({sys.base_prefix, sys.base_exec_prefix})


def _binds(prefixes: tuple[str, ...]) -> list[str]:
    options: list[str] = []
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            options += ["--ro-bind", str(path), str(path)]
    for prefix in map(Path, prefixes):
        if not prefix.is_relative_to("/usr"):
            # Made before, its parents can be entered by all; bubblewrap would copy the permissions of, say, /root.
            for parent in reversed(prefix.parents[:-1]):
                options += ["--dir", str(parent)]
            options += ["--ro-bind", str(prefix), str(prefix)]
    for device in ("null", "zero", "urandom"):
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return options


def _open_to_all(path: Path) -> bool:
    return all(stat.S_IMODE(part.stat().st_mode) & stat.S_IXOTH for part in (path, *path.parents))
