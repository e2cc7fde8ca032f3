"""Uploads to `aiwe serve`: what real clients send, and what a large one costs."""

import hashlib
import http.client
import json
import shutil
import subprocess
import threading
import time

import psutil
import pytest

from tests.engine.cli.process import serving

PROGRAM = """
app.get("/", () => "here");
app.post("/save", async (req) => ({
  fields: req.body, names: req.files.map((file) => [file.field, file.filename, file.contentType, file.size]),
  files: await Promise.all(req.files.map((file) => file.save())),
})).describe({ bodyLimit: 2 ** 31 });
app.post("/count", async (req) => {
  let size = 0;
  for await (const piece of req.files[0].stream()) size += piece.length;
  return { size };
}).describe({ bodyLimit: 2 ** 31 });
app.get("/files/:id", (req) => Response.file(req.params.id));
"""
MB = 1024 * 1024
PIECE = bytes(range(256)) * 1024  # 256 KB


@pytest.fixture
def server(tmp_path):
    (tmp_path / "shop.js").write_text(PROGRAM)
    with serving("shop.js", "--deadline", 60, cwd=tmp_path) as served:
        yield served
        assert served.end()[0] == 0
    shutil.rmtree(tmp_path / ".aiwe" / "files")  # gigabytes are not left lying about


class Peak:
    """The most memory that a process takes while a block runs, above what it took before."""

    def __init__(self, pid):
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._before = self.most = 0
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._done.wait(0.02):
            self.most = max(self.most, self._process.memory_info().rss)

    def __enter__(self):
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    @property
    def growth(self):
        return self.most - self._before


def upload(port, target, pieces, waits):
    """Sends a file of many pieces in a form; the answer, and how long others waited meanwhile."""
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="big.bin"\r\n\r\n'
    end = b"\r\n--b--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", target)
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(len(head) + pieces * len(PIECE) + len(end)))
    connection.endheaders()
    connection.send(head)
    for number in range(pieces):
        connection.send(PIECE)
        if number % 200 == 0:
            begun = time.monotonic()
            other = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            other.request("GET", "/")
            assert other.getresponse().read() == b"here"
            other.close()
            waits.append(time.monotonic() - begun)
    connection.send(end)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_gigabyte_comes_and_goes_in_flat_memory(server):
    server.ask("/")
    upload(server.port, "/save", 40, [])  # what a first upload makes once is no cost of a large one
    waits = []
    with Peak(server.process.pid) as peak:
        status, body = upload(server.port, "/save", 4096, waits)
        assert status == 200, body
        [file] = body["files"]
        assert file["size"] == 1024 * MB
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", f"/files/{file['id']}")
        answer = connection.getresponse()
        digest, size = hashlib.sha256(), 0
        while piece := answer.read(MB):
            digest.update(piece)
            size += len(piece)
        connection.close()
    assert (size, digest.hexdigest()) == (1024 * MB, file["sha256"])
    assert peak.growth < 32 * MB
    assert max(waits) < 2


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_program_reads_a_large_upload_in_flat_memory(server):
    upload(server.port, "/count", 40, [])
    with Peak(server.process.pid) as peak:
        status, body = upload(server.port, "/count", 400, [])
    assert (status, body) == (200, {"size": 100 * MB})
    assert peak.growth < 32 * MB


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_sends_forms_and_gets_files_back(server, tmp_path):
    address = f"http://127.0.0.1:{server.port}"
    (tmp_path / "grüße 1.txt").write_bytes(b"hello\r\nworld")
    (tmp_path / "large.bin").write_bytes(PIECE * 4)

    def curl(*arguments):
        ran = subprocess.run(
            ["curl", "-sS", *arguments], cwd=tmp_path, capture_output=True, check=True
        )
        return ran.stdout

    forms = ["-F", "title=Grüße", "-F", "many=1", "-F", "many=2", "--form-string", 'quo"te=a;b']
    files = ["-F", "f=@grüße 1.txt;type=text/plain", "-F", 'f=@large.bin;filename=a"b\\c.bin']
    found = json.loads(curl(*forms, *files, f"{address}/save"))
    assert found["fields"] == {"title": "Grüße", "many": ["1", "2"], 'quo"te': "a;b"}
    assert found["names"] == [
        ["f", "grüße 1.txt", "text/plain", 12],
        ["f", "c.bin", "application/octet-stream", len(PIECE) * 4],
    ]
    small, large = (f"{address}/files/{file['id']}" for file in found["files"])
    assert curl(small) == b"hello\r\nworld"
    assert curl("-r", "1-3", small) == b"ell"
    assert curl("-r", "-5", large) == PIECE[-5:]
    (tmp_path / "resumed").write_bytes(PIECE[:1000])
    curl("-C", "-", "-o", "resumed", large)
    assert (tmp_path / "resumed").read_bytes() == PIECE * 4
    etag = next(
        line.split(": ")[1] for line in curl("-I", small).decode().split("\r\n") if "etag" in line
    )
    assert curl("-w", "%{http_code}", "-H", f"If-None-Match: {etag}", small) == b"304"


def test_an_upload_over_the_limit_is_told_while_it_is_sent(tmp_path):
    (tmp_path / "shop.js").write_text('app.post("/save", (req) => req.files.length);')
    with serving("shop.js", "--body-limit", 100_000, cwd=tmp_path) as served:
        pieces = b"x" * 5_000_000
        body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + pieces
        answer = served.ask(
            "/save", "POST", body=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert (answer[0], json.loads(answer[2])["error"]["code"]) == (413, "body_too_large")
        assert served.end()[0] == 0
    assert not any((tmp_path / ".aiwe" / "files").rglob("content"))
