"""Run a program in namespaces of its own, so that it leaves neither mounts nor processes behind.

    python apart.py (network|alone) COMMAND [ARGUMENT…]

The command is the first process of its own process namespace, in a mount namespace of its own, and
with ``alone`` in a network namespace that holds nothing but loopback. When this program ends, in
whichever way, the kernel ends all of them and takes the mounts away. What the command prints goes
to standard error. It takes root, or a user namespace that has one (``buildah unshare``).

It stands alone (nothing of imgforge is imported), since it is started for every command. The
numbers are those of Linux: sched.h, mount.h, prctl.h, sockios.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

NEW_MOUNTS, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x20000000, 0x40000000
PRIVATE, RECURSIVE = 1 << 18, 1 << 14
NOSUID, NODEV, NOEXEC = 2, 4, 8
DEATH_SIGNAL = 1
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1
MISUSED = 2
FAILED = 125
"""Exit code when the namespaces cannot be had: the command was not run."""

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _separate(*, network: bool) -> None:
    flags = NEW_MOUNTS | NEW_PROCESSES | (0 if network else NEW_NETWORK)
    _checked(_libc.unshare(flags), "namespaces of its own")
    _checked(_libc.mount(b"none", b"/", None, PRIVATE | RECURSIVE, None), "private mounts")
    if network:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, GET_FLAGS, struct.pack("16sh22x", b"lo", 0))
        _, flags = struct.unpack("16sh22x", asked)
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", flags | UP))
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    # Tunnel devices that the kernel puts into every namespace lead nowhere while they are down.
    up = [name for name in found if _is_up(name)]
    if up:
        raise OSError(0, f"the network is still there: {', '.join(up)}")


def _is_up(name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, GET_FLAGS, struct.pack("16sh22x", name.encode(), 0))
    return bool(struct.unpack("16sh22x", asked)[1] & UP)


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code, or :data:`FAILED` with the reason on stderr."""
    if len(arguments) <= 1 or arguments[0] not in {"network", "alone"}:
        sys.stderr.write("apart.py (network|alone) COMMAND [ARGUMENT...]\n")
        return MISUSED
    parent = os.getppid()
    _libc.prctl(DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        return FAILED
    try:
        _separate(network=arguments[0] == "network")
    except OSError as error:
        sys.stderr.write(f"a step cannot be kept apart here: {error.strerror}\n")
        return FAILED
    child = os.fork()
    if child == 0:
        _become(arguments[1:])
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) % 256


def _become(command: list[str]) -> None:
    """Become the command, in the child; never returns."""
    try:
        _libc.prctl(DEATH_SIGNAL, signal.SIGKILL)
        flags = NOSUID | NODEV | NOEXEC
        _checked(_libc.mount(b"proc", b"/proc", b"proc", flags, None), "processes of its own")
        os.dup2(2, 1)
        os.execvp(command[0], command)  # noqa: S606 - an argument list, by no shell
    except OSError as error:
        sys.stderr.write(f"a step cannot be kept apart here: {error.strerror}\n")
    os._exit(FAILED)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
