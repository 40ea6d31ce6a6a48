"""The one way in which taut writes a file: whole or not at all, in place of whatever had the name before.

The bytes go to a temporary file in the same folder, onto the disk, and then to their name in one move. So at every
moment there is either the old file or the new one, also if the disk is full, the process is killed or two processes save
to one name.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import secrets
import stat
from pathlib import Path
from typing import Any

__all__ = ["picture", "put"]

_ADVICE = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "the system limits the size of a file here (`ulimit -f`); raise the limit, or write elsewhere",
    errno.EROFS: "write to another folder",
    errno.EACCES: "ask for the right to write there, or write to another folder",
    errno.EPERM: "ask for the right to write there, or write to another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "it is a symbolic link that leads to itself; remove it, or choose another name",
}


def put(path: str | os.PathLike[str], payload: bytes) -> None:
    """Replace the file at ``path`` by one that holds ``payload``.

    A symbolic link stays a link: the file that it points to is replaced. Permissions stay as they were, and the owner
    and group where the system allows it; a new file gets what the umask gives. A device or a pipe is written into.

    Raises:
        TypeError: a path that is neither text nor a `pathlib.Path`.
        FileNotFoundError, IsADirectoryError: there is no such folder, or it is a folder.
        OSError: a full disk, no permission, and whatever else the system reports, with the path and what to do. What
            was there before is unchanged then.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(
            f"cannot write to {path!r}: expected a path, a str or a pathlib.Path, got {type(path).__name__}."
        )
    text = os.fspath(path)
    if not text:
        raise FileNotFoundError("cannot write: the path is empty. Name a file.")
    try:
        _put(text, payload)
    except OSError as error:
        if error.errno is None:
            raise
        advice = _ADVICE.get(error.errno)
        raise OSError(
            error.errno, f"{error.strerror}; nothing was written" + (f": {advice}" if advice else ""), text
        ) from error


def picture(figure: Any, path: str | os.PathLike[str], dpi: int = 110) -> None:
    """Write a matplotlib figure; the format is the suffix's, and PNG without one."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=Path(path).suffix[1:].lower() or "png", dpi=dpi, facecolor="white")
    put(path, buffer.getvalue())


def _put(path: str, payload: bytes) -> None:
    try:
        old = os.stat(path)
    except FileNotFoundError:  # also a link to a file that is yet to come
        old = None
    target = Path(os.path.realpath(path))
    if path.endswith(os.sep) or (old is not None and stat.S_ISDIR(old.st_mode)):
        raise IsADirectoryError(f"cannot write to {path}: it is a folder. Name a file in it.")
    if old is None and not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write to {target}: there is no folder {target.parent}. Make it first.")
    if old is not None and not stat.S_ISREG(old.st_mode):
        with open(path, "wb", buffering=0) as stream:  # a device or a pipe: to replace it would take it away
            view = memoryview(payload)
            while view:
                view = view[stream.write(view) or 0 :]
        return
    if old is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "this file is write-protected")  # a rename would not ask
    stem = f".taut-{hashlib.sha256(target.name.encode(errors='surrogateescape')).hexdigest()[:16]}-"
    _sweep(target.parent, stem)
    handle, temporary = _temporary(target.parent, stem, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
            if old is not None:
                _as_before(temporary, old)
            if os.name == "posix":
                os.replace(temporary, target)  # still locked
        if os.name != "posix":
            os.replace(temporary, target)  # Windows moves no file that is open
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    # The new name, too, goes onto the disk. The file is whole already, so a system that cannot do this is no error.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _as_before(temporary: Path, old: os.stat_result) -> None:
    """Give the new file the owner, group and permissions of the one that it replaces."""
    if os.name == "posix":
        new = os.stat(temporary)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            with contextlib.suppress(OSError):  # only root gives files away, but a group may be one's own
                os.chown(temporary, -1, old.st_gid)
                os.chown(temporary, old.st_uid, -1)
    os.chmod(temporary, stat.S_IMODE(old.st_mode) & 0o777)  # after chown, which may take bits away


def _temporary(folder: Path, stem: str, mode: int) -> tuple[int, Path]:
    """A new, open, locked file. Its name has a fixed length, so that the target's may be as long as the system allows."""
    while True:
        path = folder / f"{stem}{secrets.token_hex(8)}.tmp"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        _lock(handle, wait=True)
        # Between creation and lock another process may have taken it for an abandoned one.
        if path.exists():
            return handle, path
        os.close(handle)


def _sweep(folder: Path, stem: str) -> None:
    """Remove what a killed process left of an earlier attempt to write the same file.

    A temporary file is locked as long as somebody writes it, and the system drops the lock of a process that dies.
    """
    with contextlib.suppress(OSError):  # a folder that may be written to but not listed
        for name in os.listdir(folder):
            if not (name.startswith(stem) and name.endswith(".tmp")):
                continue
            with contextlib.suppress(OSError):  # in use, or gone already
                handle = os.open(folder / name, os.O_RDWR)
                try:
                    if _lock(handle, wait=False):
                        os.unlink(folder / name)
                finally:
                    os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Whether the file is now this process's alone; False where locks are unknown (Windows, some network disks)."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True
