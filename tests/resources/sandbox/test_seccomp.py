"""The filter of system calls: walked over every number that the machine has, and tried where it holds."""

import errno
import os
import struct
from collections.abc import Mapping

import pyseccomp
import pytest

from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.sandbox.seccomp import ALLOWED, program_filter

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = range(1_024)  # no architecture has more
LOAD, EQUAL, GREATER, AT_LEAST, ANY_OF, AND, GOTO, GIVE = 0x20, 0x15, 0x25, 0x35, 0x45, 0x54, 0x05, 0x06
ALLOW, FAIL = pyseccomp.ALLOW, pyseccomp.ERRNO(errno.EPERM)
# The kernel's own ways back from probes (Linux 6.11, 6.18): no filter sees them, and who else calls them is killed.
FROM_PROBES = {335, 336} if os.uname().machine == "x86_64" else set()
CONDITIONAL = {"clone": (0x10000,), "socketpair": (1,), "sendto": (), "prctl": (15,), "ioctl": (0, 0x5401)}


def decision(number: int, *arguments: int, machine: str = os.uname().machine) -> int:
    """What the kernel would do with a call: the filter run by its rules, on the kernel's record of the call."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    record = struct.pack("=iIQ6Q", number, AUDIT[machine], 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", program_filter()))
    accumulator = at = 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", record, k)
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x06:
                return int(k)
            case _:
                holds = {EQUAL: accumulator == k, GREATER: accumulator > k, AT_LEAST: accumulator >= k,
                         ANY_OF: bool(accumulator & k)}[code]  # fmt: skip
                at += yes if holds else no


def number_of(name: str) -> int:
    return int(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name))


def names() -> Mapping[int, str]:
    known = (*ALLOWED, *CONDITIONAL)
    return {number: name for name in known if (number := number_of(name)) >= 0}


def test_every_number_is_denied_but_those_that_are_named() -> None:
    allowed = {number for number in NUMBERS if decision(number) == ALLOW}

    assert allowed == {n for n, name in names().items() if name in ALLOWED or name == "sendto"}
    assert len(allowed) > 100


BEYOND = """
    keyctl add_key request_key io_uring_setup io_uring_enter io_uring_register bpf perf_event_open ptrace
    userfaultfd mount umount2 pivot_root chroot setns unshare process_vm_readv process_vm_writev
    kexec_load kexec_file_load init_module finit_module socket connect bind listen accept
    accept4 sendmsg sendmmsg recvmsg fork vfork execve execveat memfd_create
    memfd_secret shmget shmat semget msgget mq_open open_by_handle_at name_to_handle_at fsopen
    fsmount move_mount open_tree pidfd_open pidfd_getfd pidfd_send_signal landlock_create_ruleset seccomp reboot
    swapon syslog acct settimeofday clock_settime sethostname setuid setresuid setgroups
    personality mknod mknodat setxattr chown quotactl fanotify_init inotify_init lookup_dcookie
    kcmp modify_ldt iopl ioperm vhangup nfsservctl
"""


@pytest.mark.parametrize("name", BEYOND.split())
def test_what_reaches_beyond_the_program_is_denied(name: str) -> None:
    try:
        number = number_of(name)
    except OSError:
        pytest.skip(f"libseccomp does not know {name}")
    if number < 0:
        pytest.skip(f"this machine has no {name}")

    assert decision(number) == FAIL
    assert decision(number, *[2**32 - 1] * 6) == FAIL


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x3D0F00,), True),  # a thread
        ("clone", (17,), False),  # a process
        ("clone", (0x10000000 | 17,), False),  # with a user namespace
        ("socketpair", (1, 1), True),
        ("socketpair", (2, 1), False),
        ("sendto", (3, 4, 5, 0, 0, 0), True),
        ("sendto", (3, 4, 5, 0, 0x7FFF0000, 16), False),  # to an address
        ("sendto", (3, 4, 5, 0, 0x7FFF00000000, 16), False),
        ("prctl", (15, 1), True),
        ("prctl", (22, 2), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),  # typing into a terminal
    ],
)
def test_calls_are_allowed_by_their_arguments(name: str, arguments: tuple[int, ...], *, allowed: bool) -> None:
    assert (decision(number_of(name), *arguments) == ALLOW) == allowed


def test_a_thread_is_started_by_the_call_whose_flags_can_be_read() -> None:
    assert decision(number_of("clone3")) == pyseccomp.ERRNO(errno.ENOSYS)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86-64 has two more sets of calls")
def test_other_sets_of_calls_are_no_way_around(sandbox: Sandbox) -> None:
    assert decision(0x40000000 | number_of("getpid")) != ALLOW
    AUDIT["i386"] = 0x40000003
    assert decision(20, machine="i386") != ALLOW


def test_the_kernel_denies_every_number_that_the_filter_denies(sandbox: Sandbox) -> None:
    numbers = [number for number in NUMBERS if number not in FROM_PROBES]
    denied = [number for number in numbers if decision(number) == FAIL and decision(number, *[2**64 - 1] * 6) == FAIL]
    program = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
wrong = []
for number in {denied}:
    given = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
    if (given, ctypes.get_errno()) != (-1, {errno.EPERM}):
        wrong.append((number, given, ctypes.get_errno()))
print(wrong)
"""
    finished = sandbox.run(program)

    assert (finished.outcome, finished.stdout) == ("ok", "[]\n"), finished.stderr
