"""Fetches the official HAM10000 from Harvard Dataverse, verifies it and unpacks it.

``python -m train download --to data/ham10000`` takes 2.8 GB over the network and twice that on disk.
File list, addresses and checksums come from Dataverse's own API at the time of the download
(https://guides.dataverse.org/en/latest/api/native-api.html); pooch fetches, verifies and retries.
"""

import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pooch
import requests
from tqdm import tqdm

from train.datasets.dataset import IMAGE_FOLDERS, IMAGE_SUFFIXES, METADATA, open_collection

DOI: Final = "doi:10.7910/DVN/DBW86T"
BASE_URL: Final = "https://dataverse.harvard.edu"
NEEDED: Final = (f"{METADATA}.csv", *(f"{folder}.zip" for folder in IMAGE_FOLDERS))
ATTEMPTS: Final = 3
TIMEOUT_SECONDS: Final = 60
CHUNK_BYTES: Final = 1 << 20  # pooch's own 1 kB would flush the file 2.7 million times
# Dataverse turns away (403) a library's default user agent.
HEADERS: Final = {"User-Agent": f"skin-cancer-detector (pooch {pooch.__version__})"}


class DownloadError(Exception):
    """The images could not be fetched; the message names the file and the reason."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of the dataset: its name here, its address, and its checksum as ``algorithm:digits``."""

    name: str
    url: str
    checksum: str


def download(folder: Path, base_url: str = BASE_URL, progress: bool = True) -> Path:
    """Fetches what is not here yet and unpacks it.

    A file that is here with the right checksum is kept. One that breaks off or arrives damaged is
    fetched again from its start, up to three times in all.

    Args:
        folder: Where the files go; made if it does not exist.
        base_url: The Dataverse installation.
        progress: Whether to show progress bars on standard error.

    Returns:
        The folder, in the layout that :func:`train.datasets.dataset.open_collection` reads.

    Raises:
        DownloadError: A file cannot be fetched, stored or unpacked.
        DatasetError: The files are whole, but images and labels do not fit together.
    """
    files = list_files(base_url)
    store = pooch.create(
        path=folder,
        base_url=base_url,
        registry={file.name: file.checksum for file in files},
        urls={file.name: file.url for file in files},
        retry_if_failed=ATTEMPTS - 1,
    )
    fetch = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=CHUNK_BYTES, headers=HEADERS, timeout=TIMEOUT_SECONDS
    )
    for file in files:
        try:
            store.fetch(file.name, downloader=fetch)
        except (ValueError, OSError) as error:  # a wrong checksum; the network (requests) or the disk
            raise DownloadError(f"{file.name} could not be downloaded: {error}") from error
    for name in IMAGE_FOLDERS:
        unpack(folder / f"{name}.zip", folder / name, progress)
    open_collection(folder)
    return folder


def list_files(base_url: str = BASE_URL) -> tuple[RemoteFile, ...]:
    """Asks Dataverse for the newest published version of the dataset.

    Args:
        base_url: The Dataverse installation.

    Returns:
        The files that training needs.

    Raises:
        DownloadError: No answer, one that is not understood, or a file that is no longer listed.
    """
    try:
        response = requests.get(
            f"{base_url}/api/datasets/:persistentId",
            params={"persistentId": DOI},
            headers=HEADERS,
            timeout=TIMEOUT_SECONDS,
        )
        response.raise_for_status()
        described = [entry["dataFile"] for entry in response.json()["data"]["latestVersion"]["files"]]
        files = {_name_here(file["filename"]): file for file in described}
        missing = [name for name in NEEDED if name not in files]
        if missing:
            raise DownloadError(f"{base_url} does not list {missing[0]} among the files of {DOI}")
        return tuple(_remote_file(name, files[name], base_url) for name in NEEDED)
    except requests.RequestException as error:
        raise DownloadError(f"{base_url} gives no list of the files of {DOI}: {error}") from error
    except (KeyError, TypeError) as error:
        raise DownloadError(f"{base_url} lists the files of {DOI} in an unknown way: {error!r}") from error


def _name_here(filename: str) -> str:
    # The table goes by no suffix, .csv or .tab, depending on the version of the dataset.
    return f"{METADATA}.csv" if PurePosixPath(filename).stem == METADATA else filename


def _remote_file(name: str, described: dict[str, Any], base_url: str) -> RemoteFile:
    """Reads one ``dataFile`` of the API.

    Dataverse converts ("ingests") an uploaded table to a ``.tab`` and serves that by default, but the
    checksum it lists stays the upload's (https://github.com/IQSS/dataverse/pull/8901). So the upload
    is what is fetched; pooch's own Dataverse support fetches the other and fails on the checksum.
    """
    url = f"{base_url}/api/access/datafile/{described['id']}"
    if "originalFileFormat" in described:
        url += "?format=original"
    algorithm = described["checksum"]["type"].lower().replace("-", "")
    return RemoteFile(name, url, f"{algorithm}:{described['checksum']['value']}")


def unpack(archive: Path, folder: Path, progress: bool = True) -> None:
    """Unpacks the images of a zip, those that are not there yet or not whole.

    Only images are taken, each under its bare name: no path in the archive can lead out of the folder.

    Args:
        archive: The zip.
        folder: Where the images go.
        progress: Whether to show a progress bar on standard error.

    Raises:
        DownloadError: The zip or the disk fails.
    """
    try:
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(archive) as opened:
            for member in tqdm(opened.infolist(), desc=archive.name, ncols=79, disable=not progress):
                target = folder / PurePosixPath(member.filename).name
                if member.is_dir() or target.suffix.lower() not in IMAGE_SUFFIXES:
                    continue
                if target.is_file() and zlib.crc32(target.read_bytes()) == member.CRC:
                    continue
                with opened.open(member) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DownloadError(f"{archive.name} could not be unpacked: {error}") from error
