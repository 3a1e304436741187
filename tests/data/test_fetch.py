"""Downloads from a server on this machine and a stub of the hub: whole, or not there at all."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

from csft.data import sources
from csft.data.catalog import DATASETS, Download, HubFiles, WebFile
from csft.data.fetch import fetch
from csft.errors import DataError, SettingError
from csft.rejects import Rejects

TABLE = "department,title,ask,answer\n科,题,问,答\n".encode("gb18030")
FILES = ("Data_数据/甲 乙/a.csv", "Data_数据/丙/b.csv")
CHAT = b'{"conversation": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n'


class Server(ThreadingHTTPServer):
    """Serves `pages` by path; `cut` sends half of each."""

    pages: dict[str, bytes]
    asked: list[str]
    cut = False


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        path = unquote(self.path)
        self.server.asked.append(path)
        page = self.server.pages.get(path)
        if page is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page[: len(page) // 2] if self.server.cut else page)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(("127.0.0.1", 0), Answers)
    served.pages = {f"/{path}": TABLE for path in FILES}
    served.asked = []
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture(autouse=True)
def catalogue(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """cMedDialogue comes from the server, CMB from the hub and the server, the others as they do."""
    base = f"http://127.0.0.1:{server.server_port}"
    downloads: dict[str, tuple[Download, ...]] = {
        "cmeddialogue": tuple(WebFile(f"{base}/{path}", path) for path in FILES),
        "cmb": (*DATASETS["cmb"].downloads[:1], WebFile(f"{base}/key", "CMB-test-choice-answer.json")),
    }
    for name, ways in downloads.items():
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], downloads=ways))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of every repository on a stub of the hub; without an entry the network is down."""
    import huggingface_hub

    files: dict[str, bytes] = {}

    def about(_: Any, repo: str, timeout: float) -> SimpleNamespace:
        if not files:
            raise ConnectionError("Name or service not known\nand more")
        return SimpleNamespace(sha="abc", siblings=[SimpleNamespace(rfilename=name) for name in files])

    def download(repo: str, name: str, *, repo_type: str, revision: str, local_dir: Path) -> str:
        assert (repo_type, revision) == ("dataset", "abc")
        notes = local_dir / ".cache" / "huggingface" / name
        for path in (notes, local_dir / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[name])
        return str(local_dir / name)

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", about)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return files


def found(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_files_from_the_web_come_to_the_layout_that_is_read(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(["cmeddialogue"], tmp_path / "new")
    assert found(tmp_path / "new") == {f"cmeddialogue/{path}" for path in FILES}
    assert len(list(sources.read("cmeddialogue", tmp_path / "new"))) == 2
    said = capsys.readouterr().out
    assert "cmeddialogue: fetched to" in said and "Terms: MIT" in said
    server.asked.clear()
    fetch(["cmeddialogue"], tmp_path / "new")
    assert server.asked == []
    assert "already there (Data_数据/" in capsys.readouterr().out


@pytest.mark.parametrize("there", [False, True])
def test_an_interrupted_download_never_looks_whole_and_goes_on(
    there: bool, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    if there:  # something of one's own in the folder
        (tmp_path / "cmeddialogue").mkdir()
        (tmp_path / "cmeddialogue" / "notes.md").write_text("mine")
    page = server.pages.pop(f"/{FILES[1]}")
    with pytest.raises(DataError, match=r"Not fetched: cmeddialogue\. Check the network"):
        fetch(["cmeddialogue"], tmp_path)
    assert "could not be fetched: HTTPError: HTTP Error 404" in capsys.readouterr().out
    with pytest.raises(DataError, match="is not there"):
        sources.raw_files("cmeddialogue", tmp_path)
    server.pages[f"/{FILES[1]}"] = page
    server.asked.clear()
    fetch(["cmeddialogue"], tmp_path)
    assert server.asked == [f"/{FILES[1]}"]
    own = {"cmeddialogue/notes.md"} if there else set()
    assert found(tmp_path) == {f"cmeddialogue/{path}" for path in FILES} | own


def test_a_connection_that_breaks_is_told(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.cut = True
    with pytest.raises(DataError, match="Not fetched"):
        fetch(["cmeddialogue"], tmp_path)
    assert f"{len(TABLE) // 2} of {len(TABLE)} bytes came" in capsys.readouterr().out
    assert found(tmp_path) == set()


def test_a_pointer_is_no_data(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.pages[f"/{FILES[0]}"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"
    with pytest.raises(DataError):
        fetch(["cmeddialogue"], tmp_path)
    assert "Git LFS pointer" in capsys.readouterr().out


def test_hub_and_web_together_leave_what_is_there(
    tmp_path: Path, hub: dict[str, bytes], server: Server
) -> None:
    entry = DATASETS["cmb"].downloads[0]
    assert isinstance(entry, HubFiles)
    hub.update(dict.fromkeys((*entry.patterns, "README.md"), b"[]"))
    server.pages["/key"] = b"[{}]"
    (tmp_path / "cmb" / "CMB-Exam" / "CMB-val").mkdir(parents=True)
    (tmp_path / "cmb" / "CMB-Exam" / "CMB-val" / "CMB-val-merge.json").write_bytes(b"[1]")
    fetch(["cmb"], tmp_path)
    names = {*entry.patterns, "CMB-test-choice-answer.json"}
    assert found(tmp_path) == {f"cmb/{name}" for name in names}
    assert (tmp_path / "cmb" / "CMB-Exam" / "CMB-val" / "CMB-val-merge.json").read_bytes() == b"[1]"


def test_the_hub_s_errors_take_one_line_and_stop_nothing_else(
    tmp_path: Path, hub: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=r"Not fetched: discmed\. "):
        fetch(["discmed", "cmeddialogue", "webmedqa"], tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["discmed", "cmeddialogue", "webmedqa"]
    assert "Flmc/DISC-Med-SFT could not be fetched: ConnectionError: Name or service not known." in lines[0]
    hub["renamed.jsonl"] = CHAT
    with pytest.raises(DataError):
        fetch(["discmed"], tmp_path)
    assert "holds no DISC-Med-SFT_released.jsonl any more" in capsys.readouterr().out
    hub["DISC-Med-SFT_released.jsonl"] = CHAT
    fetch(["discmed"], tmp_path)
    rejects = Rejects()
    assert len(list(sources.read("discmed", tmp_path, rejects))) == 1


def test_every_dataset_has_a_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand = [name for name, entry in DATASETS.items() if not entry.downloads]
    assert by_hand == ["webmedqa", "medicaldialog", "nlpec", "mlecqa"]
    fetch(by_hand, tmp_path)
    for name, line in zip(by_hand, capsys.readouterr().out.splitlines(), strict=True):
        entry = DATASETS[name]
        for part in (name, "by hand", entry.by_hand, entry.source, entry.terms, str(tmp_path / name)):
            assert part and part in line
    with pytest.raises(SettingError, match="datasets=cmbb"):
        fetch(["cmb", "cmbb"], tmp_path)
