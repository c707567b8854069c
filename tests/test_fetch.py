"""Downloads of data sets: whole or absent, continued, checked; and one clear line for each fault."""

import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from fake_ollama import free_port
from fake_web import FakeWeb
from filelock import FileLock

from helpers import data
from helpers.cli import main
from helpers.errors import FetchError
from helpers.fetch import LONGEST_WAIT, PIECE, TRIES, fetch

ROWS = [
    {"instruction": f"Add {n} and {n}.", "input": "", "output": str(2 * n)} for n in range(5000)
]
BODY = json.dumps(ROWS).encode()
HASH = hashlib.sha256(BODY).hexdigest()
PATH = "/rasbt/rows.json"


@pytest.fixture
def cache(plain_network, monkeypatch, tmp_path):
    """An empty cache folder, and a "book" that is our own small file."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    book = data.Remote(f"https://raw.githubusercontent.com{PATH}", HASH)
    monkeypatch.setitem(data.REMOTE, "book", book)
    return tmp_path / "cache"


@pytest.fixture
def serve(cache, monkeypatch):
    """A function that starts a server of the book's file as its mirror."""
    started = []

    def start(files=None, **options):
        web = FakeWeb({PATH: BODY} if files is None else files, **options).__enter__()
        started.append(web)
        monkeypatch.setenv("COURSE_DATA_MIRROR", web.url + "/")
        return web

    yield start
    for web in started:
        web.__exit__()


def left_in(folder):
    """What a download left behind; the lock of a failed one aside."""
    names = sorted(p.name for p in folder.iterdir())
    return [name for name in names if not name.endswith(".lock") or "book.json" in names]


def test_a_data_set_is_fetched_once_and_leaves_nothing_else(serve, cache):
    web = serve()
    assert data.cached("book") is None
    assert data.load_records("book") == ROWS
    assert data.load_records("book") == ROWS
    assert len(web.requests) == 1
    assert web.requests[0][:2] == ("GET", PATH)
    assert web.requests[0][2]["Accept-Encoding"] == "identity"
    assert left_in(cache) == ["book.json"]
    assert data.cached("book") == cache / "book.json"
    assert data.cached("course") == data.BUNDLED["course"]
    assert data.cached("no such name") is None


def test_without_a_mirror_the_address_is_the_published_one(plain_network):
    assert data.address("book").startswith("https://raw.githubusercontent.com/rasbt/")
    assert data.address("alpaca").startswith("https://raw.githubusercontent.com/tatsu-lab/")


def test_the_licence_of_alpaca_is_shown_when_it_arrives(serve, monkeypatch, capsys):
    licence = data.REMOTE["alpaca"].licence
    monkeypatch.setitem(
        data.REMOTE, "alpaca", data.Remote(f"https://x.invalid{PATH}", HASH, licence)
    )
    serve()
    data.download("alpaca")
    data.download("alpaca")
    err = capsys.readouterr().err
    assert err == licence + "\n"
    assert "CC BY-NC 4.0: non-commercial use only" in err


# --- one clear line for each fault ---------------------------------------------------------------

FAULTS = {  # name of what always goes wrong → (what is said, requests made)
    "404": ("127.0.0.1 says that it has no such file (status 404)", 1),
    "403": ("127.0.0.1 refuses access (status 403)", 1),
    "407": ("refuses access (status 407); this network or its proxy may block it", 1),
    "418": ("gave an answer that is no file (status 418)", 1),
    "429": ("too many requests (429).", TRIES),
    "429 7": ("too many requests (429) and asks to wait 7 seconds", TRIES),
    "429 3600": ("too many requests (429) and asks to wait 3600 seconds", 1),
    "500": ("127.0.0.1 is out of order (status 500).", TRIES),
    "503 5": ("127.0.0.1 is out of order (status 503)", TRIES),
    "login": ("sent a web page instead of the file: perhaps the login page of this network", 1),
    "wrong": ("what came is not the expected file (sha256 ", 1),
}


def refused(capsys, cache, words, *command):
    """The one line that a command prints when a download fails; nothing poses as the file."""
    assert main([*(command or ("fetch", "book"))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert "the data set 'book' could not be downloaded" in err
    assert f"[{data.address('book')}]" in err
    assert "or use the bundled data: course." in err
    assert f"put the file at {cache / 'book.json'} by hand" in err
    assert not (cache / "book.json").exists()
    return err


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_always_fails(serve, cache, capsys, fault):
    words, requests = FAULTS[fault]
    web = serve(always=fault)
    refused(capsys, cache, words)
    assert len(web.requests) == requests
    assert left_in(cache) == []


def test_no_network(cache, monkeypatch, capsys, plain_network):
    monkeypatch.setenv("COURSE_DATA_MIRROR", f"http://127.0.0.1:{free_port()}")
    refused(capsys, cache, "no connection to 127.0.0.1: this computer is offline")
    command = ("train", "--data", "book", "--out", str(cache.parent / "run"))
    refused(capsys, cache, "no connection", *command)
    assert plain_network == []  # said at once


def test_a_name_that_no_dns_server_knows(cache, monkeypatch, capsys, plain_network):
    monkeypatch.setenv("COURSE_DATA_MIRROR", "http://mirror.invalid")
    refused(capsys, cache, "mirror.invalid cannot be found: this computer is offline, or the name")
    assert plain_network == []


def test_a_mirror_that_is_no_address(cache, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA_MIRROR", "mirror.example")
    refused(capsys, cache, "that is no web address")


@pytest.mark.parametrize("mirror", ["http://me:s3cret@127.0.0.1:{port}", "me:s3cret@mirror"])
def test_a_mirror_s_password_is_not_shown(cache, monkeypatch, capsys, mirror):
    monkeypatch.setenv("COURSE_DATA_MIRROR", mirror.format(port=free_port()))
    assert main(["fetch", "book"]) == 2
    err = capsys.readouterr().err
    assert "…@" in err
    assert "s3cret" not in err


def test_a_server_that_falls_silent(serve, cache, monkeypatch, capsys):
    monkeypatch.setattr("helpers.fetch.TIMEOUT", (5, 0.1))
    web = serve(always="stall")
    refused(capsys, cache, "127.0.0.1 sent nothing for 0.1 seconds")
    assert len(web.requests) >= TRIES


def test_a_wrong_file_put_there_by_hand_is_named(cache, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA_MIRROR", f"http://127.0.0.1:{free_port()}")
    cache.mkdir()
    (cache / "book.json").write_bytes(b"<html>")
    assert main(["fetch", "book"]) == 2
    assert f"The file at {cache / 'book.json'} is not the expected one" in capsys.readouterr().err
    assert (cache / "book.json").read_bytes() == b"<html>"  # the person's own file stays
    (cache / "book.json").write_bytes(BODY)
    assert data.load_records("book") == ROWS


# --- trying again --------------------------------------------------------------------------------


def test_a_server_that_recovers(serve, plain_network):
    web = serve(faults=["500", "429 7", "503"])
    assert data.load_records("book") == ROWS
    assert len(web.requests) == 4
    assert plain_network == [1.0, 7.0, 4.0]  # doubled each time, or what the server asks for


def test_a_date_to_wait_for_is_understood(serve, plain_network, capsys, cache):
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=20), usegmt=True)
    serve(faults=[f"503 {soon}", "503 once upon a time"])
    assert data.load_records("book") == ROWS
    assert 15 < plain_network[0] <= 20 < LONGEST_WAIT
    assert plain_network[1] == 2.0


def test_a_cut_stream_is_continued_where_it_broke(serve, cache):
    web = serve(faults=["cut", "cut"])
    assert data.load_records("book") == ROWS
    first, second, third = web.ranges_asked()
    assert first == ""
    came = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in (second, third)]
    assert len(BODY) // 2 - PIECE < came[0] <= len(BODY) // 2
    assert came[0] < came[1] < len(BODY)
    assert web.requests[1][2]["If-Range"] == f'"{len(BODY)}"'
    assert left_in(cache) == ["book.json"]


def test_what_came_is_kept_when_the_download_fails_at_last(serve, cache, capsys):
    web = serve(faults=["cut", "404"])
    refused(capsys, cache, "no such file (status 404)")
    assert left_in(cache) == [".book.json.part", ".book.json.part.etag"]
    assert data.load_records("book") == ROWS
    assert web.ranges_asked()[1] == web.ranges_asked()[2] != ""


def test_a_cut_stream_of_unknown_length_is_not_taken_for_whole(serve, cache, capsys):
    serve(files={PATH: BODY[:-1]}, always="no length")
    refused(capsys, cache, "what came is not the expected file")


def test_many_cuts_are_borne_as_long_as_bytes_come(serve):
    web = serve(faults=["cut"] * 2 + ["500"] * 3 + ["cut"] + ["500"] * 3)
    assert data.load_records("book") == ROWS
    assert len(web.requests) == 10


def test_a_server_without_ranges_sends_everything_again(serve):
    web = serve(faults=["cut"], ranges=False)
    assert data.load_records("book") == ROWS
    assert len(web.requests) == 2


def test_a_server_that_packs_what_it_sends(serve):
    """Then the length in its reply is not the file's."""
    web = serve(always="gzip")
    assert data.load_records("book") == ROWS
    assert len(web.requests) == 1


def test_a_stream_that_always_breaks_ends_after_some_tries(serve, cache, capsys):
    web = serve(always="cut", ranges=False)
    refused(
        capsys, cache, "the connection broke off before the file was complete. What came is kept"
    )
    assert len(web.requests) == TRIES


def part_of(cache, content, etag=""):
    """Leave a part in the cache as a killed process would."""
    cache.mkdir(exist_ok=True)
    (cache / ".book.json.part").write_bytes(content)
    if etag:
        (cache / ".book.json.part.etag").write_text(etag)


def test_a_part_of_an_earlier_process_is_continued(serve, cache):
    part_of(cache, BODY[:1000], f'"{len(BODY)}"')
    web = serve()
    assert data.load_records("book") == ROWS
    assert web.ranges_asked() == ["bytes=1000-"]


def test_a_part_that_was_complete_is_not_fetched_again(serve, cache):
    part_of(cache, BODY)
    web = serve()
    assert data.load_records("book") == ROWS
    assert web.ranges_asked() == [f"bytes={len(BODY)}-"]  # answered by 416 with the file's size


@pytest.mark.parametrize(
    ("content", "etag", "asked"),
    [
        pytest.param(b"old " * 250, '"old"', ["bytes=1000-"], id="changed, and the server says so"),
        pytest.param(b"old " * 250, "", ["bytes=1000-", ""], id="changed, found by the sha256"),
        pytest.param(BODY + b"x", "", [f"bytes={len(BODY) + 1}-", ""], id="longer than the file"),
    ],
)
def test_a_part_of_another_file_is_dropped(serve, cache, content, etag, asked):
    part_of(cache, content, etag)
    web = serve()
    assert data.load_records("book") == ROWS
    assert web.ranges_asked() == asked
    assert left_in(cache) == ["book.json"]


def test_a_part_is_not_continued_when_nothing_could_tell_a_wrong_one(plain_network, tmp_path):
    """Without a known sha256 and without an ETag two halves of different files would go unnoticed."""
    (tmp_path / ".rows.json.part").write_bytes(b"old " * 250)
    with FakeWeb({PATH: BODY}) as web:
        fetch(web.url + PATH, tmp_path / "rows.json")
    assert (tmp_path / "rows.json").read_bytes() == BODY
    assert web.ranges_asked() == [""]


def test_a_killed_download_goes_on_in_the_next_process(serve, cache):
    web = serve(faults=["stall"])
    script = (
        "import sys; from helpers.fetch import fetch; fetch(*sys.argv[1:3], sha256=sys.argv[3])"
    )
    target = cache / "book.json"
    process = subprocess.Popen([sys.executable, "-c", script, web.url + PATH, str(target), HASH])
    part = cache / ".book.json.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= PIECE):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()
    assert data.cached("book") is None  # half a file does not pose as a whole one
    came = part.stat().st_size
    assert data.load_records("book") == ROWS
    assert web.ranges_asked() == ["", f"bytes={came}-"]


def test_two_processes_do_not_write_into_one_part(plain_network, tmp_path, capsys):
    target = tmp_path / "rows.json"
    with FakeWeb({PATH: BODY}) as web, FileLock(tmp_path / ".rows.json.lock"):
        second = threading.Thread(target=fetch, args=(web.url + PATH, target))
        second.start()
        while "Another process is downloading rows.json: waiting" not in capsys.readouterr().err:
            assert second.is_alive()
            time.sleep(0.01)
        assert web.requests == []
        target.write_bytes(BODY)  # the first process ends well
    second.join()
    assert web.requests == []


# --- a full disk, a folder that cannot be written ------------------------------------------------


def test_a_disk_too_small_is_noticed_before_the_first_byte(serve, cache, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 10**6 - 1000, 1000))
    serve()
    refused(capsys, cache, f"the disk is full at {cache}: {len(BODY):,} bytes are needed and 1,000")
    assert left_in(cache) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_disk_that_fills_up_meanwhile(serve, cache, capsys):
    """/dev/full answers each write as a full disk does."""
    cache.mkdir()
    (cache / ".book.json.part").symlink_to("/dev/full")
    serve(always="no length")
    refused(capsys, cache, f"the disk is full at {cache}. Free some space.")


def test_a_real_small_disk(serve, monkeypatch, capsys, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here (it takes root and Linux)")
    try:
        monkeypatch.setenv("COURSE_CACHE", str(disk))
        (disk / "mine.txt").write_text("was here before")
        serve(always="no length")  # so that only the write itself can find out
        refused(capsys, disk, f"the disk is full at {disk}. Free some space.")
        assert (disk / "mine.txt").read_text() == "was here before"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_cache_that_cannot_be_written(serve, cache, capsys):
    cache.write_text("a file where the folder should be")
    serve()
    assert main(["fetch", "book"]) == 2
    assert "cannot write" in capsys.readouterr().err


# --- proxies and certificates --------------------------------------------------------------------


def test_a_proxy_is_asked_instead_of_the_server(serve, monkeypatch):
    proxy = serve()
    monkeypatch.setenv("COURSE_DATA_MIRROR", "http://mirror.invalid")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert data.load_records("book") == ROWS
    assert [path for _, path, _ in proxy.requests] == [f"http://mirror.invalid{PATH}"]


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{port}", "http://"])
def test_a_proxy_that_does_not_answer(cache, monkeypatch, capsys, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=free_port()))
    refused(capsys, cache, "the proxy does not answer or refuses: check HTTPS_PROXY")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: its file and its key's."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    out = ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(["openssl", "req", "-x509", *kind, *name, *out], check=True, capture_output=True)
    return files


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_certificate_is_trusted_only_when_named(
    serve, cache, capsys, monkeypatch, certificate, variable
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    serve(tls=context)
    refused(capsys, cache, "the certificate of 127.0.0.1 is not trusted")
    monkeypatch.setenv(variable, str(certificate[0]))
    assert data.load_records("book") == ROWS


def test_a_missing_certificate_file_is_named(serve, cache, capsys, monkeypatch):
    serve()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    refused(capsys, cache, "REQUESTS_CA_BUNDLE names /no/such/file.pem, which does not exist")


# --- the command ---------------------------------------------------------------------------------


def test_course_fetch_names_its_files_and_shows_a_bar(serve, cache, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    monkeypatch.setattr("helpers.progress.DELAY", 0)
    serve()
    assert main(["fetch", "book", "gpt2-mini", "--json"]) == 0
    out, err = capsys.readouterr()
    book, mini = json.loads(out)["files"]
    assert book == {"name": "book", "path": str(cache / "book.json"), "bytes": len(BODY)}
    assert mini["bytes"] == Path(mini["path"]).stat().st_size
    assert "book.json: " in err
    assert "B/s" in err
    assert main(["fetch", "book"]) == 0
    assert f"book: {len(BODY):,} bytes" in capsys.readouterr().out


def test_course_fetch_offers_the_nearest_name_before_it_asks_a_server(serve, capsys):
    web = serve()
    assert main(["fetch", "book", "gpt2-medum"]) == 2
    assert (
        "'gpt2-medum' is no model or data set; did you mean 'gpt2-medium'"
        in capsys.readouterr().err
    )
    assert web.requests == []


def test_a_check_can_refuse_what_came(plain_network, tmp_path):
    with FakeWeb({PATH: BODY}) as web, pytest.raises(FetchError, match="it is too long"):
        fetch(web.url + PATH, tmp_path / "rows.json", check=lambda part: "it is too long")
    assert left_in(tmp_path) == []
