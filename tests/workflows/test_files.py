"""The one writer of files: whole or not at all, whatever stood there before, and nothing left behind."""

import errno
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taut import _files
from taut.cli._command import replace_file
from taut.paths._figure import save
from taut.report.figures import save_figure
from taut.report.html.page import write

OLD, NEW = b"old", b"new" * 1000


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files may not grow beyond ``size`` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    target = tmp_path / "m.taut"
    target.write_bytes(OLD)
    with at_most(100), pytest.raises(OSError, match=r"nothing was written: .*write elsewhere") as caught:
        _files.put(target, NEW)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(target))
    assert target.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["m.taut"]


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_error_at_any_step_leaves_the_old_file(call, error, tmp_path, monkeypatch) -> None:
    target = tmp_path / "m.taut"
    target.write_bytes(OLD)

    def crash(*arguments, **keywords):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, call, crash)
        with pytest.raises(type(error)) as caught:
            _files.put(target, NEW)
    if isinstance(error, OSError):
        assert str(target) in str(caught.value) and "free some space" in str(caught.value)
    assert target.read_bytes() == OLD
    assert os.listdir(tmp_path) == ["m.taut"]
    _files.put(target, NEW)
    assert target.read_bytes() == NEW


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    target = tmp_path / "m.taut"
    target.write_bytes(OLD)
    other = tmp_path / "n.taut"
    program = (
        "import os, sys\n"
        "from taut import _files\n"
        "os.replace = lambda *a: os.kill(os.getpid(), 9)\n"
        "_files.put(sys.argv[1], b'half')\n"
    )
    for path in (target, other):
        assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -9
    assert target.read_bytes() == OLD
    assert len(os.listdir(tmp_path)) == 3  # the file, and two that were never finished
    _files.put(target, NEW)
    assert target.read_bytes() == NEW
    assert len(os.listdir(tmp_path)) == 2  # what another name's process left is another's
    _files.put(other, NEW)
    assert sorted(os.listdir(tmp_path)) == ["m.taut", "n.taut"]


def test_many_writers_of_one_name(tmp_path: Path) -> None:
    target = tmp_path / "m.taut"
    failed: list[BaseException] = []

    def run(letter: bytes) -> None:
        try:
            for _ in range(40):
                _files.put(target, letter * 5000)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(bytes([65 + i]),)) for i in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if target.exists():
            found = target.read_bytes()
            assert len(found) == 5000 and len(set(found)) == 1
    for thread in threads:
        thread.join()
    assert failed == []
    assert os.listdir(tmp_path) == ["m.taut"]


def test_permissions_stay_as_they_were(tmp_path: Path) -> None:
    target, new = tmp_path / "m.taut", tmp_path / "new.taut"
    for mode in (0o600, 0o640, 0o666, 0o755):
        target.touch()
        target.chmod(mode)
        _files.put(target, NEW)
        assert stat.S_IMODE(target.stat().st_mode) == mode
    before = os.umask(0o027)
    try:
        _files.put(new, NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    target = tmp_path / "m.taut"
    target.touch()
    os.chown(target, 1234, 4321)
    target.chmod(0o640)
    _files.put(target, NEW)
    after = target.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (1234, 4321, 0o640)


def test_a_file_that_is_write_protected_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "m.taut"
    target.write_bytes(OLD)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="write-protected; nothing was written"):
        _files.put(target, NEW)
    assert target.read_bytes() == OLD


def test_devices_and_pipes_are_written_into(tmp_path: Path) -> None:
    _files.put("/dev/null", NEW)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(OSError, match="free some space") as caught:
        _files.put("/dev/full", NEW)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    thread.start()
    _files.put(pipe, NEW * 100)
    thread.join()
    assert read == [NEW * 100]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, to in {"link": "in/m.taut", "twice": "link", "loop": "loop", "away": "in/none/m.taut"}.items():
        (tmp_path / name).symlink_to(to)
    _files.put(tmp_path / "twice", NEW)  # to a file that is yet to come
    assert (tmp_path / "in/m.taut").read_bytes() == NEW
    assert (tmp_path / "twice").is_symlink() and (tmp_path / "link").is_symlink()
    _files.put(tmp_path / "link", OLD)
    assert (tmp_path / "in/m.taut").read_bytes() == OLD
    with pytest.raises(OSError, match="leads to itself") as caught:
        _files.put(tmp_path / "loop", NEW)
    assert caught.value.errno == errno.ELOOP and (tmp_path / "loop").is_symlink()
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none. Make it first"):
        _files.put(tmp_path / "away", NEW)


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    longest = "é" * 120 + "x" * 10 + ".taut"  # 255 bytes
    for path in (Path("m.taut"), "./n.taut", longest, tmp_path / "a b\n.taut", "\udcff.taut"):
        _files.put(path, NEW)
        assert Path(path).read_bytes() == NEW
    with pytest.raises(OSError, match="choose a shorter name"):
        _files.put("x" * 256, NEW)
    for path in (tmp_path, "", "new/"):
        with pytest.raises(OSError, match=r"it is a folder|Name a file"):
            _files.put(path, NEW)
    for odd in (None, 3, b"m.taut", open(os.devnull, "wb")):  # noqa: SIM115
        with pytest.raises(TypeError, match="expected a path"):
            _files.put(odd, NEW)  # type: ignore[arg-type]
    with pytest.raises(NotADirectoryError, match="nothing was written"):
        _files.put("m.taut/n.taut", NEW)
    assert not [name for name in os.listdir() if name.startswith(".taut")]


def test_pages_pictures_and_tables_go_the_same_way(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    writers = {
        "page.html": lambda path: write(path, "<html>" * 200),
        "picture.svg": lambda path: save_figure(figure, path),
        "path.png": lambda path: save(figure, path),
        "table.csv": lambda path: replace_file(path, lambda file: file.write(NEW)),
    }
    for name, writer in writers.items():
        target = tmp_path / name
        target.write_bytes(OLD)
        target.chmod(0o600)
        with at_most(20), pytest.raises(OSError, match="nothing was written") as caught:
            writer(target)
        assert caught.value.filename == str(target)
        assert target.read_bytes() == OLD
        writer(target)
        assert target.read_bytes() != OLD
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (tmp_path / "picture.svg").read_bytes().lstrip().startswith(b"<?xml")
    assert (tmp_path / "path.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(tmp_path)) == sorted(writers)


def test_nothing_else_in_the_package_opens_a_file_to_write() -> None:
    import ast

    import taut

    root = Path(taut.__file__).parent
    for file in root.rglob("*.py"):
        if file.name == "_files.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func).rpartition(".")[2]
            assert called not in {"write_text", "write_bytes", "mkstemp", "savefig", "save_file"}, (file, node.lineno)
            if called in {"open", "fdopen"}:
                modes = [a.value for a in ast.walk(node) if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                assert not {"w", "wb", "a", "ab", "x", "xb", "r+", "r+b"} & set(modes), (file, node.lineno)
