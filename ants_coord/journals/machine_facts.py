"""
Facts about the machine that the standard library does not give: which boot this is, what a file system is.

Linux, macOS and Windows each have their own way. What cannot be found out is reported as unknown.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

LOCAL = {
    "apfs", "aufs", "bcachefs", "btrfs", "ecryptfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs",
    "fuse.fuse-overlayfs", "fuseblk", "hfs", "iso9660", "jffs2", "jfs", "msdos", "nilfs2", "ntfs", "ntfs3",
    "overlay", "ramfs", "reiserfs", "rootfs", "squashfs", "tmpfs", "ubifs", "udf", "ufs", "vfat", "xfs",
    "zfs",
}  # fmt: skip
"""file systems on which locks and shared memory work between the processes of a machine"""


def boot_id() -> str:
    """Return a name for this boot of the machine, or "unknown"."""
    with contextlib.suppress(Exception):
        if sys.platform == "darwin":
            return _of_macos()
        if sys.platform == "win32":
            return _of_windows()
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or "unknown"
    return "unknown"


def _of_macos() -> str:
    import ctypes  # noqa: PLC0415 - 10 ms, on this platform only

    libc = ctypes.CDLL(None)
    size = ctypes.c_size_t(64)
    text = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0):
        return "unknown"
    return text.value.decode("ascii") or "unknown"


def _of_windows() -> str:
    import winreg  # noqa: PLC0415 - it does not exist elsewhere

    place = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:  # type: ignore[attr-defined]
        return f"boot {winreg.QueryValueEx(key, 'BootId')[0]}"  # type: ignore[attr-defined]


def time_namespace() -> str:
    """
    Return a name for the time namespace of this process; "" where there is none.

    In another namespace the time since boot differs, although the boot is the same.
    """
    try:
        return os.readlink("/proc/self/ns/time")
    except OSError:
        return ""


def kind_of_mount(path: str, table: str) -> str:
    """Return the type of the file system below a path, by a mount table as in /proc/self/mountinfo."""
    best, kind = "", ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split()
        if len(fields) < 5 or not rest:
            continue
        # there, a space, a tab, a newline and a backslash are written as octal numbers
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):  # of several mounts at one place, the last one is on top
            best, kind = place, rest[0]
    return kind


def local_kind(path: str) -> tuple[str, bool]:
    """Return (type, whether it is local) of a path's file system, on systems without a mount table."""
    with contextlib.suppress(Exception):
        import ctypes  # noqa: PLC0415 - 10 ms, on those systems only

        if sys.platform == "darwin":
            libc = ctypes.CDLL(None)
            raw = ctypes.create_string_buffer(4_096)
            call = getattr(libc, "statfs$INODE64", None) or libc.statfs
            if call(os.fsencode(os.path.dirname(path)), raw) == 0:
                return parse_statfs(raw.raw)
        if sys.platform == "win32":
            root = os.path.splitdrive(path)[0] + "\\"
            remote = root.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(root) == _DRIVE_REMOTE  # type: ignore[attr-defined]
            return ("a network drive", False) if remote else ("a local drive", True)
    return "", True


_DRIVE_REMOTE = 4
_MNT_LOCAL = 0x1000


def parse_statfs(raw: bytes) -> tuple[str, bool]:
    """Return (type, whether it is local) from a `struct statfs` of macOS with 64-bit inodes."""
    flags = int.from_bytes(raw[64:68], "little")
    return raw[72:88].split(b"\0")[0].decode("ascii", "replace"), bool(flags & _MNT_LOCAL)
