"""Downloads: from a server that breaks off, lies, or lacks the file; what comes is whole and verified or not there."""

import hashlib
import io
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pooch
import pytest

import capxai_core as cx
from capxai_core.data.fetch import SOURCES, Archive, Source, fetch, sources_of

CONTENT = {
    "annotations/a.json": b"{}",
    "train2017/1.jpg": b"one" * 150_000,
    "train2017/2.jpg": b"two",
    "other.txt": b"x",
}


class Server(ThreadingHTTPServer):
    """Serves `content` at /set.zip and /set.pth. Answers break off after `breaks` bytes in turn, then come whole."""

    content = b""
    breaks: tuple[int, ...] = ()
    knows_ranges = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/set.zip"

    def archive(self, content=None):
        content = self.content if content is None else content
        return Archive(self.url, len(content), hashlib.sha256(content).hexdigest())


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        server.asked.append(start)
        if not self.path.startswith("/set."):
            self.send_error(404)
            return
        if server.knows_ranges and start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:] if server.knows_ranges else server.content
        self.send_response(206 if server.knows_ranges and start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks:
            stop, *server.breaks = server.breaks
            body = body[:stop]
        self.wfile.write(body)


@pytest.fixture
def server():
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
    with Server() as running:
        running.content = packed.getvalue()
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def sources(archive):
    return (Source("set/annotations/a.json", 1, archive), Source("set/train2017", 2, archive), Source("set/more", 3))


def test_files_are_unpacked_where_they_belong_and_the_archive_is_deleted(server, tmp_path):
    fetch(sources(server.archive()), tmp_path)
    found = {p.relative_to(tmp_path / "set").as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {name: content for name, content in CONTENT.items() if name != "other.txt"}
    fetch(sources(server.archive()), tmp_path)
    assert server.asked == [0]


def test_what_is_no_archive_is_kept_as_it_is(server, tmp_path):
    weights = replace(server.archive(), url=server.url.replace("set.zip", "set.pth"))
    fetch([Source(str(tmp_path / "torch" / "set.pth"), 1, weights)], tmp_path / "data")
    (kept,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert kept == tmp_path / "torch" / "set.pth" and kept.read_bytes() == server.content


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_download_that_breaks_off_goes_on_where_it_was(server, tmp_path, knows_ranges):
    server.breaks, server.knows_ranges = (200_000, 100_000), knows_ranges
    fetch(sources(server.archive()), tmp_path)
    assert (tmp_path / "set" / "train2017" / "1.jpg").read_bytes() == CONTENT["train2017/1.jpg"]
    first, second, *later = server.asked
    assert first == 0 < second <= 200_000 and later[0] > second
    assert later[1:] == ([] if knows_ranges else [0])


def test_a_second_run_goes_on_where_the_first_was_left(server, tmp_path):
    server.breaks = (200_000, 0)
    with pytest.raises(cx.DataError, match=r"could not be downloaded .* Run the same command again to go on"):
        fetch(sources(server.archive()), tmp_path)
    (part,) = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert part.name == "set.zip.part" and part.read_bytes() == server.content[: part.stat().st_size] != b""
    fetch(sources(server.archive()), tmp_path)
    assert server.asked[-1] == server.asked[1] > 0 and (tmp_path / "set" / "train2017" / "2.jpg").is_file()


@pytest.mark.parametrize("length", [-5, 0, 5])
def test_another_file_than_the_published_one_is_refused_and_nothing_is_kept(server, tmp_path, length):
    published = server.archive()
    server.content = bytes(len(server.content) + length)
    with pytest.raises(cx.DataError, match=r"set\.zip: what came is not the published file"):
        fetch(sources(published), tmp_path)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()] and len(server.asked) <= 2


def test_a_file_that_is_not_there_is_told_with_its_address(server, tmp_path):
    gone = Archive(server.url.replace("set", "gone"), 10, "0" * 64)
    with pytest.raises(cx.DataError, match=r"gone\.zip: could not be downloaded \(404 .*or get the file .*gone\.zip"):
        fetch(sources(gone), tmp_path)
    with pytest.raises(cx.DataError, match="could not be downloaded"):
        fetch(sources(Archive("http://127.0.0.1:9/set.zip", 10, "0" * 64)), tmp_path)


def test_an_archive_that_was_got_elsewhere_is_taken(server, tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "set.zip").write_bytes(server.content)
    fetch(sources(server.archive()), tmp_path)
    assert server.asked == [] and (tmp_path / "set" / "train2017" / "2.jpg").is_file()


def test_a_file_that_was_being_unpacked_is_not_taken_for_a_whole_one(server, tmp_path, monkeypatch):
    def extract(self, info, folder):
        path = Path(whole(self, info, folder))
        if path.suffix == ".json":
            return path
        path.write_bytes(path.read_bytes()[:2])
        raise KeyboardInterrupt

    whole = ZipFile.extract
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(ZipFile, "extract", extract)
        fetch(sources(server.archive()), tmp_path)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"set/annotations/a.json", "downloads/set.zip"}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))  # what is there is enough
    fetch(sources(server.archive()), tmp_path)
    assert server.asked == [0] and (tmp_path / "set" / "train2017" / "1.jpg").stat().st_size == 450_000


def test_what_was_being_checked_is_not_downloaded_again(server, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr(pooch, "file_hash", stopped)
        fetch(sources(server.archive()), tmp_path)
    fetch(sources(server.archive()), tmp_path)
    assert server.asked == [0] and (tmp_path / "set" / "train2017" / "2.jpg").is_file()


def test_a_disk_too_small_is_told_before(server, tmp_path):
    vast = Archive(server.url, 10**18, "0" * 64)
    with pytest.raises(cx.DataError, match=r"must be free there for set\.zip"):
        fetch(sources(vast), tmp_path)
    assert server.asked == []


def test_every_source_names_a_file_with_its_sum_or_a_form(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for profile in SOURCES:
        for source in sources_of(profile, tmp_path):
            if source.archive:
                assert len(bytes.fromhex(source.archive.sha256)) == 32 and source.archive.size > 10**7
                assert source.archive.url in source.way_out(profile)
            else:
                assert source.form.startswith("https://forms.illinois.edu/") and source.form in source.way_out(profile)
    *_, weights = sources_of("coco2017", tmp_path)
    assert weights.path == str(tmp_path / "torch" / "hub" / "checkpoints" / "vgg16-397923af.pth")
    (tmp_path / "vgg16").mkdir()
    (tmp_path / "vgg16" / "vgg16_features.fp16.safetensors").touch()
    assert sources_of("coco2017", tmp_path)[-1].count(tmp_path) == 1
