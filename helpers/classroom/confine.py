"""What a submission's process takes from itself before the first cell runs; none of it comes back.

"namespaces" (Linux): `unshare` has put the process into namespaces of its own: no network, no other
process to be seen or ended, and here every file system becomes read-only but a small one in memory
for its work. "guard" (elsewhere, and where a container forbids the first): Python's audit hooks
refuse network, other programs, and writing outside of the work folder; code that does not go through
Python is not stopped. Both: limits of processor time, file size and memory, where the system has
them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Sequence

ISOLATIONS = ("namespaces", "guard")
RDONLY, RECURSIVE, AT_FDCWD, MOUNT_SETATTR = 1, 0x8000, -100, 442  # of mount_setattr(2)
NO_NEW_PRIVS, PARENT_DEATH_SIGNAL, CAPABILITIES_V3 = 38, 1, 0x20080522  # of prctl(2), capset(2)
NOSUID_NODEV, BIND = 2 | 4, 4096  # of mount(2)


def confine(isolation: str, *, folder: str, limits: dict, hide: Sequence[str]) -> None:
    """Confine this process to `folder`. Raises OSError where the system refuses."""
    if isolation == "namespaces":
        own_file_systems(folder, limits["disk"], hide)
        drop_privileges()
    os.chdir(folder)
    os.makedirs(os.environ["HOME"], exist_ok=True)
    fonts = os.environ.get("MPLCONFIGDIR")
    if fonts and os.path.isdir(limits["fonts"]):  # or matplotlib looks at every font of the system
        shutil.copytree(limits["fonts"], fonts, dirs_exist_ok=True)
    set_limits(limits, isolation)
    if isolation == "guard":
        install_guard(folder)


def own_file_systems(folder: str, disk: int, hide: Sequence[str]) -> None:
    """Everything read-only, `folder` and /dev/shm in memory and small, what is hidden empty."""
    for place in hide:
        if os.path.isdir(place):
            _mount_memory(place, "size=4k,nr_inodes=2,mode=755")
        else:
            _mount_nothing(place)
    _set_read_only("/", True)
    for place in (folder, "/dev/shm"):
        if os.path.isdir(place):
            _mount_memory(place, f"size={disk},nr_inodes=20000,mode=700")


def _mount_memory(place: str, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    target, kind = place.encode(), b"tmpfs"
    _check(libc.mount(kind, target, kind, ctypes.c_ulong(NOSUID_NODEV), options.encode()), place)


def _mount_nothing(place: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(BIND)
    _check(libc.mount(os.devnull.encode(), place.encode(), None, flags, None), place)


def _set_read_only(place: str, recursive: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = (ctypes.c_uint64 * 4)(RDONLY, 0, 0, 0)
    flags = ctypes.c_uint(RECURSIVE if recursive else 0)
    path, size = ctypes.c_char_p(place.encode()), ctypes.c_size_t(32)
    number = ctypes.c_long(MOUNT_SETATTR)
    _check(libc.syscall(number, ctypes.c_int(AT_FDCWD), path, flags, attributes, size), place)


def drop_privileges() -> None:
    """Give up all that root may do in these namespaces: nothing can be mounted or unmounted now."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)
    _check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _check(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def set_limits(limits: dict, isolation: str) -> None:
    """Limits that the system itself enforces; the marker watches time and memory besides.

    Memory is that of data only, and generous: libraries map much that they never use. The number of
    processes is limited in a namespace alone: outside, all of a user's count.
    """
    try:
        import resource
    except ImportError:  # Windows has none
        return
    values = {"RLIMIT_CORE": 0, "RLIMIT_CPU": limits["cpu"], "RLIMIT_FSIZE": limits["disk"]}
    if sys.platform == "linux":
        values["RLIMIT_DATA"] = 2 * limits["memory"] + 1_000_000_000
    if isolation == "namespaces":
        values["RLIMIT_NPROC"] = limits["processes"]
    for name, value in values.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        most = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(kind, (most, most))


# --- where there are no namespaces ----------------------------------------------------------------

NETWORK = {
    *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
    *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
}
PROGRAMS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("pty.spawn", "os.kill", "os.killpg"),
}
CHANGES = {  # each has the path as its first argument; of two, both are looked at
    *("os.remove", "os.rmdir", "os.mkdir", "os.rename", "os.truncate", "os.chmod", "os.chown"),
    *("os.link", "os.symlink", "os.utime", "shutil.rmtree", "shutil.move", "sqlite3.connect"),
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install_guard(folder: str) -> None:
    """From now on Python refuses network, other programs, and changes outside of `folder`.

    An audit hook cannot be taken out again.
    """
    inside = os.path.realpath(folder) + os.sep
    real, join, null, refused = os.path.realpath, os.path.join, os.devnull, PermissionError

    def guard(event: str, arguments: tuple) -> None:
        if event in NETWORK:
            raise refused("there is no network while an exercise is marked")
        if event in PROGRAMS:
            raise refused("no other programs are started or ended while an exercise is marked")
        if event == "open":
            if not arguments[2] & WRITES:
                return
            paths = arguments[:1]
        elif event in CHANGES:
            paths = [x for x in arguments[:2] if isinstance(x, (str, bytes, os.PathLike))]
        else:
            return
        for path in paths:
            text = os.fsdecode(path) if not isinstance(path, int) else null
            if text != null and not join(real(text), "").startswith(inside):
                raise refused(f"marking allows writing in the current folder only, not {text}")

    if sys.platform == "linux":  # killed, the marker takes this process along
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    sys.addaudithook(guard)
