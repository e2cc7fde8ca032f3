"""Kept files: durable, whole or not there, each app's and environment's own."""

import asyncio
import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aiwe_engine.errors import AiweError
from aiwe_engine.files.store import FileStore
from aiwe_engine.protocols import Scope
from aiwe_engine.settings import GB, most_files

MINE = Scope("shop", "production")
OTHERS = [
    Scope("shop", "dev"),
    Scope("blog", "production"),
    Scope("..", "production"),
    Scope("../shop", "production"),
    Scope("shop@production/..", "dev"),
    Scope("", "production"),
]


def receive(files, content=b"hello", name="a.txt"):
    """An upload, and the place of its request."""
    incoming = files.receive()
    writer = incoming.begin()
    writer.write(content)
    return writer.finish("photo", name, "text/plain"), incoming


async def keep(files, content=b"hello", scope=MINE, limit=GB):
    upload, incoming = receive(files, content)
    try:
        return await files.save(scope, upload, limit)
    finally:
        incoming.close()


async def drain(source):
    pieces = []
    while piece := await source.read():
        pieces.append(piece)
    return b"".join(pieces)


async def code(awaitable):
    with pytest.raises(AiweError) as caught:
        await awaitable
    return caught.value.status, caught.value.code


async def test_a_saved_upload_outlives_its_request_and_its_engine(tmp_path):
    stored = await keep(FileStore(tmp_path / "files"), b"hello")
    assert stored.to_json() == {
        "id": stored.id,
        "filename": "a.txt",
        "contentType": "text/plain",
        "size": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
    }
    again = FileStore(tmp_path / "files")
    again.clean()
    found = again.find(MINE, stored.id)
    assert found == stored
    assert found.path.read_bytes() == b"hello"


async def test_an_upload_can_be_read_and_saved_again_until_its_request_ends(tmp_path):
    files = FileStore(tmp_path / "files")
    upload, incoming = receive(files)
    first = await files.save(MINE, upload, GB)
    assert await drain(upload.open()) == b"hello"
    second = await files.save(MINE, upload, GB)
    assert first.id != second.id
    reading = upload.open()
    incoming.close()
    assert await drain(reading) == b"hello"
    with pytest.raises(AiweError) as caught:
        upload.open()
    assert (caught.value.status, caught.value.code) == (410, "upload_gone")
    assert await code(files.save(MINE, upload, GB)) == (410, "upload_gone")
    assert second.path.read_bytes() == b"hello"


async def test_nothing_of_a_request_is_left_when_it_ends(tmp_path):
    files = FileStore(tmp_path / "files")
    upload, incoming = receive(files)
    await files.save(MINE, upload, GB)
    unfinished = incoming.begin()
    unfinished.write(b"half")
    incoming.close()
    incoming.close()
    assert list((tmp_path / "files" / "incoming").iterdir()) == []
    for late in (lambda: unfinished.write(b"more"), incoming.begin):
        with pytest.raises(AiweError) as caught:
            late()
        assert caught.value.code == "upload_gone"


async def test_a_request_without_files_makes_no_folder(tmp_path):
    files = FileStore(tmp_path / "files")
    files.receive().close()
    assert list(tmp_path.iterdir()) == []


async def test_no_other_app_or_environment_has_the_file(tmp_path):
    files = FileStore(tmp_path / "files")
    stored = await keep(files)
    for scope in OTHERS:
        assert files.find(scope, stored.id) is None
        assert await files.delete(scope, stored.id) is False
        assert await files.usage(scope) == 0
        await keep(files, b"theirs", scope)
    assert files.find(MINE, stored.id) == stored
    assert await files.usage(MINE) == 5


STRANGE = [
    "", ".", "..", "/", "a", "../shop@production", "content", "about.json", "%2e%2e", "\x00", "ä" * 32,
    "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", "0" * 31 + "/", None, 7, ["0" * 32], {"id": "0"}, True,
]  # fmt: skip


@pytest.mark.parametrize("file_id", [*STRANGE, "0" * 32], ids=repr)
async def test_what_is_no_id_of_a_file_finds_none(tmp_path, file_id):
    files = FileStore(tmp_path / "files")
    await keep(files)
    assert files.find(MINE, file_id) is None
    assert await files.delete(MINE, file_id) is False


async def test_ids_tell_nothing_of_each_other(tmp_path):
    files = FileStore(tmp_path / "files")
    ids = [(await keep(files)).id for _ in range(20)]
    assert len(set(ids)) == 20
    assert len({one[:4] for one in ids}) > 15
    assert sorted(ids) != ids


async def test_a_deleted_file_is_gone_and_its_place_is_free(tmp_path):
    files = FileStore(tmp_path / "files")
    stored = await keep(files, b"12345", limit=5)
    assert await code(keep(files, b"1", limit=5)) == (507, "storage_full")
    reading = stored.path.open("rb")
    both = await asyncio.gather(files.delete(MINE, stored.id), files.delete(MINE, stored.id))
    assert sorted(both) == [False, True]
    assert reading.read() == b"12345"
    reading.close()
    assert files.find(MINE, stored.id) is None
    assert await files.usage(MINE) == 0
    assert FileStore(tmp_path / "files").find(MINE, stored.id) is None
    assert await keep(files, b"12345", limit=5)


async def test_the_limit_counts_what_is_kept_from_before(tmp_path):
    await keep(FileStore(tmp_path / "files"), b"12345")
    files = FileStore(tmp_path / "files")
    with pytest.raises(AiweError, match="more than 6 bytes") as caught:
        await keep(files, b"67", limit=6)
    assert "files.limit" in caught.value.hint
    assert await keep(files, b"6", limit=6)
    assert await files.usage(MINE) == 6


async def test_empty_files_are_counted_as_well(tmp_path, monkeypatch):
    assert (most_files(5), most_files(GB)) == (1000, GB // 4096)
    monkeypatch.setattr("aiwe_engine.files.store.most_files", lambda limit: limit)
    files = FileStore(tmp_path / "files")
    first = await keep(files, b"", limit=2)
    await keep(FileStore(tmp_path / "files"), b"", limit=2)
    files = FileStore(tmp_path / "files")
    with pytest.raises(AiweError, match="keeps 2 files") as caught:
        await keep(files, b"", limit=2)
    assert (caught.value.code, caught.value.status) == ("storage_full", 507)
    assert "a file for each 4 KB" in caught.value.hint
    assert await files.delete(MINE, first.id)
    assert await keep(files, b"", limit=2)


async def test_saves_at_the_same_time_keep_within_the_limit(tmp_path):
    files = FileStore(tmp_path / "files")
    tries = await asyncio.gather(
        *(keep(files, b"12345", limit=12) for _ in range(6)), return_exceptions=True
    )
    assert [type(one).__name__ for one in tries].count("StoredFile") == 2
    assert await files.usage(MINE) == 10
    assert await FileStore(tmp_path / "files").usage(MINE) == 10


async def test_files_are_for_their_owner_only(tmp_path):
    before = os.umask(0)
    try:
        files = FileStore(tmp_path / "files")
        upload, incoming = receive(files)
        await files.save(MINE, upload, GB)
        folders = [path for path in (tmp_path / "files").rglob("*") if path.is_dir()]
        modes = {stat.S_IMODE(path.stat().st_mode) for path in [*folders, tmp_path / "files"]}
        incoming.close()
    finally:
        os.umask(before)
    assert modes == {0o700}


async def test_what_a_stopped_engine_left_behind_goes_at_the_start(tmp_path):
    files = FileStore(tmp_path / "files")
    upload, _ = receive(files)
    stored = await files.save(MINE, upload, GB)
    files.clean()
    assert not upload.folder.exists()
    assert files.find(MINE, stored.id) == stored


async def test_a_disk_without_links_gets_a_copy(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert (await keep(FileStore(tmp_path / "files"))).path.read_bytes() == b"hello"


@pytest.mark.parametrize("call", ["link", "mkdir"])
async def test_a_full_disk_is_said_to_be_full(tmp_path, monkeypatch, call):
    files = FileStore(tmp_path / "files")
    upload, incoming = receive(files)

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    if call == "mkdir":
        monkeypatch.setattr(Path, "mkdir", refuse)
    else:
        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr("shutil.copyfile", refuse)
    assert await code(files.save(MINE, upload, GB)) == (507, "storage_full")
    monkeypatch.undo()
    incoming.close()
    assert await files.usage(MINE) == 0
    assert await files.save(MINE, receive(files)[0], GB)


async def test_a_write_that_the_disk_refuses_is_told(tmp_path):
    files = FileStore(tmp_path / "files")
    incoming = files.receive()
    writer = incoming.begin()
    writer._file.close()
    writer._file = os.fdopen(os.open("/dev/full", os.O_WRONLY), "wb")
    with pytest.raises(AiweError) as caught:
        writer.write(b"x" * 100_000)
    assert (caught.value.status, caught.value.code) == (507, "storage_full")
    incoming.close()


CRASH = """
import asyncio, os, sys
from pathlib import Path
from aiwe_engine.files.store import FileStore
from aiwe_engine.protocols import Scope

at = int(sys.argv[2])
done = 0

def die(event, args):
    global done
    if event in ("open", "os.link", "os.rename", "os.mkdir") and sys.argv[1] in str(args):
        done += 1
        if done == at:
            os.kill(os.getpid(), 9)

async def main():
    files = FileStore(Path(sys.argv[1]))
    incoming = files.receive()
    writer = incoming.begin()
    writer.write(b"hello")
    upload = writer.finish("f", "a.txt", "text/plain")
    sys.addaudithook(die)
    stored = await files.save(Scope("shop", "production"), upload, 1000)
    print(stored.id, flush=True)

asyncio.run(main())
"""


async def test_a_crash_at_any_step_leaves_a_whole_file_or_none(tmp_path):
    """The process is killed at the first, second, … thing that it asks of the disk."""
    killed = 0
    for at in range(1, 60):
        root = tmp_path / str(at) / "files"
        root.mkdir(parents=True)
        ran = subprocess.run(
            [sys.executable, "-c", CRASH, str(root), str(at)],
            capture_output=True,
            text=True,
            check=False,
        )
        files = FileStore(root)
        files.clean()
        home = root / "kept" / "shop@production"
        names = [path.name for path in home.iterdir()] if home.exists() else []
        for name in names:
            found = files.find(MINE, name)
            assert found.path.read_bytes() == b"hello"
            assert found.size == 5
        assert await files.usage(MINE) == 5 * len(names)
        if ran.returncode == 0:
            assert names == [ran.stdout.strip()]
            break
        assert ran.returncode == -9, ran.stderr
        killed += 1
    assert killed >= 6
