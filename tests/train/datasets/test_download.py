"""The downloader against a local server that speaks Dataverse's API and fails the way real ones do."""

import hashlib
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from train.datasets.dataset import open_collection
from train.datasets.download import ATTEMPTS, DOI, DownloadError, download

TABLE = b"""\
lesion_id,image_id,dx,dx_type,age,sex,localization,dataset
HAM_1,ISIC_1,mel,histo,80.0,male,scalp,vidir_modern
HAM_1,ISIC_2,mel,histo,80.0,male,scalp,vidir_modern
HAM_2,ISIC_3,nv,follow_up,,female,back,rosendahl
"""
PART_1, PART_2, METADATA = "HAM10000_images_part_1.zip", "HAM10000_images_part_2.zip", "HAM10000_metadata.csv"


@dataclass
class Dataverse:
    """A Dataverse installation with one dataset; a test sets what shall go wrong."""

    url: str
    contents: dict[str, bytes]
    ingested: bool = True
    listing: tuple[int, bytes] | None = None
    """Status and body that replace the list of files."""
    cut_off: Counter[str] = field(default_factory=Counter)
    """How many of the next answers with a file stop in its middle."""
    damaged: Counter[str] = field(default_factory=Counter)
    """How many of the next answers with a file have a wrong byte."""
    sent: Counter[str] = field(default_factory=Counter)

    def describe(self) -> bytes:
        return json.dumps({"status": "OK", "data": {"latestVersion": {"files": self._files()}}}).encode()

    def _files(self) -> list[object]:
        files = []
        for i, (name, content) in enumerate(self.contents.items()):
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            file = {
                "id": 3000 + i,
                "filename": name,
                "filesize": len(content),
                "md5": digest,
                "checksum": {"type": "MD5", "value": digest},
            }
            if name == METADATA and self.ingested:
                # As the real installation lists it: name and size of the conversion, checksum of the upload.
                file |= {
                    "filename": "HAM10000_metadata.tab",
                    "filesize": len(self.converted(content)),
                    "originalFileFormat": "text/csv",
                    "originalFileName": METADATA,
                    "tabularData": True,
                }
            files.append({"label": file["filename"], "dataFile": file})
        return files

    @staticmethod
    def converted(table: bytes) -> bytes:
        return table.replace(b",", b"\t")

    def answer(self, target: str, user_agent: str) -> tuple[int, bytes, int]:
        """Returns status, body and how much of the body is really sent."""
        address = urlsplit(target)
        query = parse_qs(address.query)
        if user_agent.startswith("python-"):
            return 403, b"", 0
        if address.path == "/api/datasets/:persistentId" and query.get("persistentId") == [DOI]:
            self.sent["listing"] += 1
            status, body = self.listing or (200, self.describe())
            return status, body, len(body)
        for i, (name, content) in enumerate(self.contents.items()):
            if address.path == f"/api/access/datafile/{3000 + i}":
                self.sent[name] += 1
                if name == METADATA and self.ingested and query.get("format") != ["original"]:
                    content = self.converted(content)
                if self.damaged[name] > 0:
                    self.damaged[name] -= 1
                    content = b"?" + content[1:]
                if self.cut_off[name] > 0:
                    self.cut_off[name] -= 1
                    return 200, content, len(content) // 2
                return 200, content, len(content)
        return 404, b"", 0


@pytest.fixture
def dataverse(jpeg, monkeypatch) -> Iterator[Dataverse]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            status, body, length = installation.answer(self.path, self.headers["User-Agent"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:length])

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        installation = Dataverse(
            f"http://127.0.0.1:{server.server_port}",
            {
                "HAM10000_segmentations_lesion_tschandl.zip": b"not needed",
                PART_1: zipped({"ISIC_1.jpg": jpeg(), "ISIC_2.jpg": jpeg(colour="tan")}),
                PART_2: zipped({"ISIC_3.jpg": jpeg(colour="pink")}),
                METADATA: TABLE,
            },
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield installation
        server.shutdown()
        thread.join()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_the_downloaded_folder_reads_as_the_official_layout(dataverse, tmp_path):
    folder = download(tmp_path / "data" / "ham10000", dataverse.url)

    collection = open_collection(folder)
    assert [(r.image_id, r.lesion_id, r.dx) for r in collection.records] == [
        ("ISIC_1", "HAM_1", "mel"),
        ("ISIC_2", "HAM_1", "mel"),
        ("ISIC_3", "HAM_2", "nv"),
    ]
    assert [image.size for _, image in collection.images(collection.records)] == [(40, 30)] * 3
    assert dataverse.sent == {"listing": 1, METADATA: 1, PART_1: 1, PART_2: 1}, "only what is needed"


def test_a_second_call_downloads_nothing(dataverse, tmp_path):
    download(tmp_path, dataverse.url)
    dataverse.sent.clear()

    download(tmp_path, dataverse.url)

    assert dataverse.sent == {"listing": 1}


def test_a_damaged_file_here_is_fetched_again_and_no_other(dataverse, tmp_path):
    download(tmp_path, dataverse.url)
    (tmp_path / PART_2).write_bytes(b"cut off by a full disk")
    dataverse.sent.clear()

    download(tmp_path, dataverse.url)

    assert dataverse.sent == {"listing": 1, PART_2: 1}


def test_a_half_unpacked_image_is_made_whole(dataverse, tmp_path, jpeg):
    download(tmp_path, dataverse.url)
    image = tmp_path / "HAM10000_images_part_2" / "ISIC_3.jpg"
    image.write_bytes(image.read_bytes()[:100])

    download(tmp_path, dataverse.url)

    assert image.read_bytes() == jpeg(colour="pink")


@pytest.mark.parametrize("failure", ["cut_off", "damaged"])
@pytest.mark.parametrize("name", [PART_1, METADATA])
def test_a_broken_download_starts_that_file_again(dataverse, tmp_path, failure, name):
    getattr(dataverse, failure)[name] = ATTEMPTS - 1

    download(tmp_path, dataverse.url)

    assert (tmp_path / name).read_bytes() == dataverse.contents[name]
    assert dataverse.sent == {"listing": 1, METADATA: 1, PART_1: 1, PART_2: 1} | {name: ATTEMPTS}


@pytest.mark.parametrize(
    ("failure", "reason"), [("cut_off", "IncompleteRead"), ("damaged", "MD5 hash .* does not match")]
)
def test_a_file_that_is_broken_every_time_is_named_with_the_reason(dataverse, tmp_path, failure, reason):
    getattr(dataverse, failure)[PART_2] = 100

    with pytest.raises(DownloadError, match=f"{PART_2} could not be downloaded: .*{reason}"):
        download(tmp_path, dataverse.url)

    assert dataverse.sent[PART_2] == ATTEMPTS, "tried again, but not for ever"
    assert {path.name for path in tmp_path.iterdir()} == {METADATA, PART_1}, "nothing broken is left"


def test_of_a_converted_table_the_upload_is_fetched(dataverse, tmp_path):
    download(tmp_path, dataverse.url)

    assert (tmp_path / METADATA).read_bytes() == TABLE


def test_a_table_that_was_never_converted_is_fetched_as_it_is(dataverse, tmp_path):
    dataverse.ingested = False

    download(tmp_path, dataverse.url)

    assert (tmp_path / METADATA).read_bytes() == TABLE


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b'{"status":"ERROR","message":"Dataset not found."}', "404"),
        (503, b"<html>maintenance</html>", "503"),
        (200, b"<html>are you human?</html>", "Expecting value"),
        (200, b'{"status":"OK","data":{}}', "latestVersion"),
        (
            200,
            b'{"status":"OK","data":{"latestVersion":{"files":[]}}}',
            "does not list HAM10000_metadata.csv",
        ),
    ],
)
def test_a_failing_api_is_reported_with_what_it_said(dataverse, tmp_path, status, body, reason):
    dataverse.listing = status, body

    with pytest.raises(DownloadError, match=reason) as caught:
        download(tmp_path, dataverse.url)

    assert dataverse.url in str(caught.value)
    assert dataverse.sent == {"listing": 1}


def test_a_server_that_is_not_there_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DownloadError, match="http://127.0.0.1:9 gives no list of the files"):
        download(tmp_path, "http://127.0.0.1:9")


def test_progress_is_shown_for_each_file_or_not_at_all(dataverse, tmp_path, capsys):
    download(tmp_path / "shown", dataverse.url)
    assert capsys.readouterr().err.count("100%") >= 5, "three downloads, two zips unpacked"

    download(tmp_path / "quiet", dataverse.url, progress=False)
    assert "%" not in capsys.readouterr().err


def test_no_path_in_a_zip_leads_out_of_its_folder(dataverse, tmp_path, jpeg):
    dataverse.contents[PART_1] = zipped(
        {
            "images/ISIC_1.jpg": jpeg(),
            "../../ISIC_2.jpg": jpeg(colour="tan"),
            "../run_me.py": b"print()",
            "/etc/passwd": b"root",
        }
    )

    download(tmp_path / "a" / "b", dataverse.url)

    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        f"a/b/{name}"
        for name in (
            METADATA,
            PART_1,
            PART_2,
            "HAM10000_images_part_1/ISIC_1.jpg",
            "HAM10000_images_part_1/ISIC_2.jpg",
            "HAM10000_images_part_2/ISIC_3.jpg",
        )
    }


def test_a_zip_that_is_none_is_named(dataverse, tmp_path):
    dataverse.contents[PART_2] = b"whole, and yet no zip"

    with pytest.raises(DownloadError, match=f"{PART_2} could not be unpacked"):
        download(tmp_path, dataverse.url)
