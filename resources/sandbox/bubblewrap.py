"""How the guard is started: by bubblewrap, in namespaces of its own, with the system to be read and nothing else."""

import os
import shutil
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FOLDER, SHARED, PACKAGES = "/tmp", "/dev/shm", "/packages"  # noqa: S108 - the sandbox's own
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/mime.types")
DEVICES = ("null", "zero", "full", "random", "urandom")
FLAGS = ("-s", "-S", "-X", "utf8")
# What differs from run to run would make verdicts differ: the order of sets must not.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
# Users that systemd hands out for a while: no files are theirs. One for each guard alive, as a user's threads are
# counted together, and may signal each other.
FIRST_USER, USERS = 61184, 4336


class SandboxUnavailable(Exception):  # noqa: N818 - it is a state of the machine, not a fault
    """Generated code cannot be run here; the message names why and the remedy."""


def drops_user() -> bool:
    """Whether a program runs as another user than evergrow: only root can have it so."""
    return os.geteuid() == 0


def command(folder_bytes: int, packages: Iterable[Path] = ()) -> tuple[str, ...]:
    """What starts the guard: the system, the interpreter and `packages` to be read, a folder in memory to be written.

    The folder holds up to `folder_bytes`. Each of `packages` is a file or folder that can be imported.
    Root makes the namespaces without one of users, in which no limit of threads would bind it, and drops to another
    user.

    Raises:
        SandboxUnavailable: bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable(
            "bubblewrap is not installed: install it (Debian, Ubuntu: apt-get install bubblewrap; "
            "Fedora: dnf install bubblewrap)"
        )
    root = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_KILL")
    return (
        program, "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--cap-drop", "ALL", *(root if drops_user() else ("--unshare-user",)),
        "--hostname", "sandbox", *_binds(), *_package_binds(packages),
        "--size", str(folder_bytes), "--perms", "0777", "--tmpfs", FOLDER, "--symlink", FOLDER, SHARED,
        "--remount-ro", "/", "--chdir", FOLDER, own_interpreter()[0], *FLAGS, "-c", guard_source(),
    )  # fmt: skip


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


def _binds() -> list[str]:
    # Folders that are made before can be entered by all; bubblewrap would copy the permissions of, say, /root.
    options = [word for folder in ("/etc", "/dev", PACKAGES) for word in ("--dir", folder)]
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            options += ["--ro-bind", str(path), str(path)]
    for prefix in map(Path, own_interpreter()[1]):
        if not prefix.is_relative_to("/usr"):
            for parent in reversed(prefix.parents[:-1]):
                options += ["--dir", str(parent)]
            options += ["--ro-bind", str(prefix), str(prefix)]
    for device in DEVICES:
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return options


def _package_binds(packages: Iterable[Path]) -> list[str]:
    return [word for path in packages for word in ("--ro-bind", str(path), f"{PACKAGES}/{path.name}")]
