"""The system calls that a program may make: an allow-list, compiled by libseccomp for the machine that it runs on.

What is not named fails with EPERM: sockets, processes, other programs, namespaces, mounts, the kernel's keyring,
tracing, io_uring, bpf, perf, shared segments, files that lie in memory alone. What the kernel learns next is not named
either.
"""

from __future__ import annotations

import errno
import tempfile
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable

if TYPE_CHECKING:
    import pyseccomp

FILES = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat creat close close_range lseek
    stat fstat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getdents getdents64
    getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
    truncate ftruncate fallocate fsync fdatasync flock fcntl dup dup2 dup3 pipe pipe2 umask chmod fchmod fchmodat
    fchmodat2 utime utimes utimensat futimesat copy_file_range sendfile splice tee fadvise64 readahead
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
"""
MEMORY_AND_TIME = """
    brk mmap munmap mremap mprotect madvise msync mincore membarrier
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times alarm getitimer setitimer
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete
    timerfd_create timerfd_settime timerfd_gettime
"""
SIGNALS_AND_THREADS = """
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack signalfd signalfd4
    kill tkill tgkill pause restart_syscall futex futex_waitv set_robust_list get_robust_list set_tid_address rseq
    gettid sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_get_priority_max
    sched_get_priority_min getcpu exit exit_group wait4 waitid
"""
ABOUT_ITSELF = """
    getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid getpriority uname
    sysinfo getrlimit setrlimit prlimit64 getrusage capget getrandom
"""
WAITING = """
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 recvfrom shutdown getsockname getpeername getsockopt setsockopt
"""
ALLOWED = tuple(" ".join((FILES, MEMORY_AND_TIME, SIGNALS_AND_THREADS, ABOUT_ITSELF, WAITING)).split())

AF_UNIX, CLONE_THREAD = 1, 0x10000
PR_SET_NAME, PR_GET_NAME = 15, 16
# Whether it is a terminal, how wide; what waits to be read; descriptors that block or are inherited.
TERMINAL_CONTROLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)


@cache
def program_filter() -> bytes:
    """The filter as the kernel takes it: instructions of 8 bytes each.

    Raises:
        SandboxUnavailable: libseccomp is not installed, or does not know this machine.
    """
    seccomp = _library()
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in ALLOWED:
        _add(rules, seccomp.ALLOW, name)
    # The C library starts threads by clone3 first, whose flags no filter can read, and falls back to clone.
    _add(rules, seccomp.ERRNO(errno.ENOSYS), "clone3")
    _add(rules, seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
    # Pairs of connected sockets, which asyncio needs; nothing is sent from them to an address.
    _add(rules, seccomp.ALLOW, "socketpair", seccomp.Arg(0, seccomp.EQ, AF_UNIX))
    _add(rules, seccomp.ALLOW, "sendto", seccomp.Arg(4, seccomp.EQ, 0))
    for option in (PR_SET_NAME, PR_GET_NAME):
        _add(rules, seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, option))
    for control in TERMINAL_CONTROLS:
        _add(rules, seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, control))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _add(rules: pyseccomp.SyscallFilter, action: int, name: str, *arguments: object) -> None:
    """A rule for the call `name`, unless this machine, or this version of the library, has no such call."""
    try:
        rules.add_rule(action, name, *arguments)
    except OSError as fault:
        if fault.errno != errno.EINVAL:
            raise


def _library() -> ModuleType:
    try:
        import pyseccomp  # noqa: PLC0415 - it looks for the library when it is imported
    except (RuntimeError, OSError) as fault:
        raise SandboxUnavailable(
            f"libseccomp cannot be loaded ({fault}): install it (Debian: apt-get install libseccomp2)"
        ) from fault
    return pyseccomp  # type: ignore[no-any-return]
