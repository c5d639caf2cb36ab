"""Programs that go for the kernel: each says `reached` where it gets what it wants, and `tried` when it is through."""

# ruff: noqa: E501 - a program a line

import os

import pytest

from evergrow.resources.sandbox.sandbox import Sandbox

BEGIN = """
import ctypes, mmap, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *given):
    return libc.syscall(ctypes.c_long(number), *[ctypes.c_long(g) if isinstance(g, int) else g for g in given])
def reached(what):
    print('reached', what)
"""
# By the numbers of x86-64: what a program tries there, it tries nowhere else.
PROGRAMS = {
    "reads the keyring of its user": "for ring in (-1, -2, -3, -4, -5):\n    if call(250, 0, ring, 0) >= 0: reached(ring)",
    "adds a key": "if call(248, b'user', b'mine', b'x', 1, -4) >= 0: reached('key')",
    "asks for a key": "if call(249, b'user', b'mine', None, -4) >= 0: reached('key')",
    "opens a ring of requests": "if call(425, 8, ctypes.create_string_buffer(248)) >= 0: reached('io_uring')",
    "makes a file that is nowhere and runs it": (
        "n = call(319, b'x', 0)\nif n >= 0:\n    reached('memfd')\n    os.write(n, open('/bin/true', 'rb').read())\n"
        "    os.execve(n, ['true'], {})"
    ),
    "takes new namespaces": (
        "for flag in (0x10000000, 0x20000000, 0x40000000, 0x20000, 0x4000000, 0x8000000, 0x2000000, 0x80):\n"
        "    if libc.unshare(flag) == 0: reached(hex(flag))"
    ),
    "enters namespaces of its parent": (
        "for name in ('mnt', 'net', 'pid', 'user'):\n    try: f = os.open(f'/proc/{os.getppid()}/ns/{name}', 0)\n"
        "    except OSError: continue\n    if libc.setns(f, 0) == 0: reached(name)"
    ),
    "traces its parent": "if libc.ptrace(16, os.getppid(), 0, 0) == 0: reached('ptrace')",
    "reads the memory of its parent": (
        "into = ctypes.create_string_buffer(8)\none = (ctypes.c_void_p * 2)(ctypes.addressof(into), 8)\n"
        "if call(310, os.getppid(), one, 1, one, 1, 0) >= 0: reached('memory')"
    ),
    "holds its parent by a descriptor": "if call(434, os.getppid(), 0) >= 0: reached('pidfd')",
    "speaks to a socket by its path": (
        "for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n    for path in ('/run/docker.sock', '/dev/log', '\\0x'):\n"
        "        try: socket.socket(socket.AF_UNIX, kind).connect(path)\n        except OSError: continue\n"
        "        reached(path)"
    ),
    "sends from a pair to a path": (
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "for path in ('/dev/log', '/run/systemd/notify', '\\0x'):\n    try: a.sendto(b'x', path)\n"
        "    except PermissionError: continue\n    except OSError as error: reached(error)\n    else: reached(path)"
    ),
    "passes a descriptor on": (
        "a, b = socket.socketpair()\ntry: socket.send_fds(a, [b'x'], [0])\nexcept OSError: pass\nelse: reached('fd')"
    ),
    "reads packets": (
        "for family in (socket.AF_PACKET, socket.AF_NETLINK, 40, 38):\n    try: socket.socket(family, socket.SOCK_RAW)\n"
        "    except OSError: continue\n    reached(family)"
    ),
    "shares a segment": "if libc.shmget(1234, 4096, 0o1777) >= 0 or libc.semget(1234, 1, 0o1777) >= 0: reached('shm')",
    "mounts": "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: reached('mount')",
    "changes its root": "if libc.chroot(b'/tmp') == 0: reached('chroot')",
    "takes another user": (
        "for number in (0, 1, 1000):\n    if number != os.getuid():\n        try: os.setresuid(number, number, number)\n"
        "        except OSError: continue\n        reached(number)"
    ),
    "regains privileges": "libc.prctl(38, 0, 0, 0, 0)\nif libc.prctl(39, 0, 0, 0, 0) == 0: reached('privileges')",
    "filters its own calls": "if call(317, 1, 0, 0) == 0 or libc.prctl(22, 1, 0, 0, 0) == 0: reached('seccomp')",
    "types into the terminal": (
        "import fcntl\nfor n in range(3):\n    try: fcntl.ioctl(n, 0x5412, b'x')\n    except OSError: continue\n"
        "    reached(n)"
    ),
    "finds an open descriptor": (
        "for n in range(3, 256):\n    try: s = os.fstat(n)\n    except OSError: continue\n    reached(n)"
    ),
    "leaves its folder by a link": (
        "os.symlink('/', 'out')\nfor path in ('out/etc/passwd', 'out/etc/shadow', 'out/var/log', 'out/run'):\n"
        "    if os.path.exists(path): reached(path)"
    ),
    "looks into the kernel": (
        "for path in ('/proc/kcore', '/proc/1/environ', '/proc/self/mem', '/sys/kernel', '/dev/mem', '/dev/kmsg'):\n"
        "    if os.path.exists(path): reached(path)"
    ),
    "calls by the numbers of 32 bits": (
        "code = mmap.mmap(-1, 4096, prot=7)\n"  # mov eax, 39 (mkdir); mov ebx, esp; int 0x80; ret
        "code.write(b'\\xb8\\x27\\0\\0\\0\\xbb\\0\\0\\0\\0\\xcd\\x80\\xc3')\n"
        "there = ctypes.addressof(ctypes.c_char.from_buffer(code))\n"
        "if ctypes.CFUNCTYPE(ctypes.c_int)(there)() in (0, -14): reached('int 0x80')"
    ),
}  # fmt: skip


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs call by the numbers of x86-64")
@pytest.mark.parametrize("what", PROGRAMS)
def test_a_program_that_goes_for_the_kernel_reaches_nothing(sandbox: Sandbox, what: str) -> None:
    finished = sandbox.run(f"{BEGIN}\n{PROGRAMS[what]}\nprint('tried')")

    assert "reached" not in finished.stdout
    assert finished.stdout == "tried\n" or finished.outcome == "crash", finished.stderr


def test_a_program_that_gets_something_says_so(sandbox: Sandbox) -> None:
    """So that what was read above is no silence."""
    assert sandbox.run(f"{BEGIN}\nif call(39) > 0: reached('its number')").stdout == "reached its number\n"
