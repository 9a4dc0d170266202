"""Models pulled into a real platform, from servers that speak as those of the world do."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lichen.cli.main import run
from lichen.client.connection import Lichen, connect
from lichen.core.clock import SystemClock
from lichen.core.errors import InvalidInput, Refused
from lichen.fetching.pulling import Pull, pull
from lichen.fetching.replay import COMMIT, Kept, Shelf, hub_shelf
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.admin import Job, JobState, PullSpec
from lichen.server.pull_policy import pull_allowed
from lichen.server.pull_section import PullSettings
from lichen.server.setting import Value
from lichen.server.settings import as_environment, inherited_environment, load

MODEL = linear_core(np.arange(6, dtype=np.float64).reshape(3, 2))
README = b"# Lines\n"
REPOSITORY = "acme/lines"
PATIENCE_SECONDS = 300.0
Say = Callable[..., tuple[int, Any, str]]


@dataclass(frozen=True, slots=True)
class Pulling:
    """A platform that may pull from this machine, and the folder that it may read."""

    home: Path
    runtime: Path
    folder: Path
    client: Lichen


@pytest.fixture(scope="module")
def cdn() -> Iterator[Shelf]:
    with Shelf({"/model.onnx": Kept(MODEL), "/b/lines.onnx": Kept(MODEL)}) as shelf:
        yield shelf


@pytest.fixture(scope="module")
def hub(cdn: Shelf) -> Iterator[Shelf]:
    files = {"model.onnx": MODEL, "README.md": README, "pytorch_model.bin": b"\x80\x04."}
    with Shelf(hub_shelf(REPOSITORY, files, large=["model.onnx"], cdn=cdn.url)) as shelf:
        for kept in shelf.files.values():
            kept.token = "hf-s3cret"  # noqa: S105 - of nobody
        yield shelf


@pytest.fixture(scope="module")
def pulling(
    tmp_path_factory: pytest.TempPathFactory, hub: Shelf, free_port: Callable[[], int]
) -> Iterator[Pulling]:
    folder = tmp_path_factory.mktemp("pulling")
    allowed = folder / "allowed"
    allowed.mkdir()
    ports = {name: free_port() for name in ("http", "grpc", "control")}
    own: dict[str, Value] = {"home": folder / "home", "runtime": folder / "run", "zone": "DE"}
    pull: dict[str, Value] = {
        "pull_networks": "127.0.0.0/8",
        "pull_http": True,
        "pull_hub_url": hub.url,
        "pull_hub_token": "hf-s3cret",
        "pull_folders": str(allowed),
    }
    settings = load({**own, **ports, **pull}, {})
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
        env={**inherited_environment(), **as_environment(settings)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read(1) == b"1", "the platform did not start"
    with connect(home=settings.home) as client:
        yield Pulling(settings.home, settings.runtime, allowed, client)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def say(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """One command line: its exit code, what it says as JSON, and what it says is wrong."""
    monkeypatch.setenv("LICHEN_HOME", str(pulling.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(pulling.runtime))

    def ask(*arguments: str | Path) -> tuple[int, Any, str]:
        code = run([*map(str, arguments), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return ask


def test_a_repository_of_the_hub_is_an_endpoint_after_two_commands(
    pulling: Pulling, hub: Shelf, cdn: Shelf, say: Say
) -> None:
    code, said, error = say("models", "pull", f"hf://{REPOSITORY}@v1")
    assert code == 0, error
    assert (said["model"], said["version"]) == ("lines", 1)
    assert said["pulled"]["source"] == f"hf://{REPOSITORY}@v1 ({COMMIT})"
    assert said["pulled"]["fetched_bytes"] == len(MODEL) + len(README)
    assert said["pulled"]["left"] == ["pytorch_model.bin"]
    assert {one.headers.get("Authorization") for one in hub.asked} == {"Bearer hf-s3cret"}
    assert {one.headers.get("Authorization") for one in cdn.asked} == {None}
    assert say("deploy", "lines@1")[0] == 0
    answer = pulling.client.predict("lines", {"features": [[1.0, 1.0, 1.0]]})
    assert answer.outputs["raw"] == [[6.0, 9.0]]
    assert f"Origin: hf://{REPOSITORY}@v1 ({COMMIT})" in pulling.client.models.card("lines@1")


def test_a_file_below_an_allowed_folder_is_read_and_no_other(pulling: Pulling, say: Say) -> None:
    (pulling.folder / "lines.onnx").write_bytes(MODEL)
    (pulling.folder / "out").symlink_to("/etc")
    code, said, error = say("models", "pull", f"file:{pulling.folder}/lines.onnx", "--name", "f")
    assert code == 0, error
    assert said["pulled"]["fetched_bytes"] == 0
    for path in (
        "/etc/hostname",
        f"{pulling.folder}/../home/admin.key",
        f"{pulling.folder}/out/hosts",
    ):
        code, _, error = say("models", "pull", f"file:{path}")
        assert code == 4, error
        assert "`pull_folders`" in error


def test_a_path_of_this_machine_is_uploaded(tmp_path: Path, say: Say) -> None:
    (tmp_path / "here.onnx").write_bytes(MODEL)
    code, said, error = say("models", "pull", tmp_path / "here.onnx")
    assert code == 0, error
    assert said["model"] == "here"


def test_a_digest_that_is_another_registers_nothing(cdn: Shelf, say: Say) -> None:
    source = f"{cdn.url}/b/lines.onnx#sha256={'0' * 64}"
    code, _, error = say("models", "pull", source, "--name", "wrong")
    assert code == 1
    assert "came with the sha256" in error
    assert say("models", "show", "wrong@1")[0] == 3


def test_what_is_not_there_and_what_is_no_source_end_as_they_should(cdn: Shelf, say: Say) -> None:
    assert say("models", "pull", f"{cdn.url}/nothing.onnx")[0] == 3
    assert say("models", "pull", "hf://nobody/nothing")[0] == 3
    assert say("models", "pull", "gopher://host/model")[0] == 2
    assert say("models", "pull", "https://user:secret@host.example/model.onnx")[0] == 2
    code, _, error = say("models", "pull", "https://169.254.169.254/latest")
    assert code == 4
    assert "`pull_networks`" in error


def test_a_killed_job_goes_on_from_the_bytes_that_came(pulling: Pulling) -> None:
    """The job's process is killed in the middle; its next attempt asks for the rest alone."""
    body = MODEL + b"\0" * 2**22
    held = Kept(body, cuts=[2**21, 0, 0, 0, 0])
    with Shelf({"/slow.onnx": held}) as shelf:
        digest = hashlib.sha256(body).hexdigest()
        spec = PullSpec(source=f"{shelf.url}/slow.onnx#sha256={digest}", name="slow")
        job = pulling.client.models._session.post(
            "/models/pull", lambda: msgspec.json.encode(spec), Job
        )
        give_up = time.monotonic() + PATIENCE_SECONDS
        while len(shelf.asked) < 2:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        pid = _pid_of(job.id)
        os.kill(pid, signal.SIGKILL)
        held.cuts = []
        with pytest.raises(Exception, match="slow"):  # what came is no model
            pulling.client.jobs.wait(job.id)
        ranges = [one.headers.get("Range") for one in shelf.asked]
    assert ranges[0] is None
    assert ranges[-1] == f"bytes={2**21}-"
    assert pulling.client.jobs.show(job.id).attempt == 2


def test_a_pull_pauses_while_it_fetches_and_goes_on(pulling: Pulling) -> None:
    body = MODEL + b"\0" * 2**23
    held = Kept(body, chunk_seconds=0.5)  # it lasts a minute: no machine misses it
    with Shelf({"/long.onnx": held}) as shelf:
        digest = hashlib.sha256(body).hexdigest()
        spec = PullSpec(source=f"{shelf.url}/long.onnx#sha256={digest}", name="long")
        job = pulling.client.models._session.post(
            "/models/pull", lambda: msgspec.json.encode(spec), Job
        )
        _until(lambda: len(shelf.asked) == 1)
        pulling.client.jobs.pause(job.id)
        _until(lambda: pulling.client.jobs.show(job.id).state is JobState.PAUSED)
        held.chunk_seconds = 0.0
        pulling.client.jobs.resume(job.id)
        with pytest.raises(InvalidInput, match="long"):  # what came is no model
            pulling.client.jobs.wait(job.id)
    ranges = [one.headers.get("Range") for one in shelf.asked]
    assert ranges[0] is None
    assert ranges[1] is not None


def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


def _pid_of(job_id: str) -> int:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if job_id.encode() in command:
                return int(folder.name)
    raise AssertionError("the job has no process")


@pytest.fixture(scope="module")
def registry(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[str]:
    """Debian's registry of containers, on a port of this machine."""
    lacking = [one for one in ("docker-registry", "skopeo") if shutil.which(one) is None]
    assert not lacking, f"apt-get install {' '.join(lacking)}, as .ci/run does"
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    kept = {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}}
    said = {"version": "0.1", "storage": kept, "http": {"addr": address}, "log": {"level": "error"}}
    (folder / "config.json").write_text(json.dumps(said))  # JSON is YAML
    process = subprocess.Popen(
        ["docker-registry", "serve", folder / "config.json"], stderr=subprocess.DEVNULL
    )
    _until_it_listens(address)
    yield address
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def _until_it_listens(address: str) -> None:
    host, _, port = address.partition(":")
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            assert time.monotonic() < give_up, "it does not listen"
            time.sleep(0.05)
            continue
        return


def test_a_version_goes_through_a_registry_and_comes_back_the_same(
    registry: str, say: Say, tmp_path: Path, make: Callable[..., Path]
) -> None:
    """Pushed by us, read by skopeo, ORAS and ModelPack's schema, pulled by us: equal digests."""
    (tmp_path / "loop.onnx").write_bytes(MODEL)
    assert say("models", "import", tmp_path / "loop.onnx")[0] == 0
    code, pushed, error = say("models", "push", "loop@1", f"oci+http://{registry}/acme/loop")
    assert code == 0, error
    assert pushed["to"] == f"oci://{registry}/acme/loop:1"
    for folder in ("one", "two.tar", "two"):
        assert say("models", "export", "loop@1", tmp_path / folder, "--format", "oci")[0] == 0
    index = json.loads((tmp_path / "one" / "index.json").read_text())
    assert index["manifests"][0]["digest"] == pushed["digest"]
    assert _bytes_below(tmp_path / "one") == _bytes_below(tmp_path / "two")

    _skopeo(
        "copy",
        "--dest-tls-verify=false",
        f"oci:{tmp_path}/one:1",
        f"docker://{registry}/acme/skopeo:1",
    )
    raw = _skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{registry}/acme/skopeo:1")
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == pushed["digest"]

    read = make("read_artifact", "pulls", f"{registry}/acme/loop:1")
    assert (read / "model").read_text() == "loop 1"
    assert (read / "files" / "model.onnx").read_bytes() == MODEL

    code, said, error = say(
        "models", "pull", f"oci+http://{registry}/acme/loop:1", "--name", "back"
    )
    assert code == 0, error
    assert said["pulled"]["source"] == f"oci://{registry}/acme/loop:1 ({pushed['digest']})"
    code, exact, error = say(
        "models", "pull", f"oci+http://{registry}/acme/loop@{pushed['digest']}"
    )
    assert code == 0, error
    assert exact["files"] == said["files"] == say("models", "show", "loop@1")[1]["files"]


def _skopeo(*arguments: str) -> bytes:
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _bytes_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_what_oras_pushed_is_pulled(
    registry: str, say: Say, tmp_path: Path, make: Callable[..., Path]
) -> None:
    (tmp_path / "other.onnx").write_bytes(MODEL)
    make("push_artifact", "pulls", f"{registry}/acme/other:v1", str(tmp_path / "other.onnx"))
    code, said, error = say("models", "pull", f"oci+http://{registry}/acme/other:v1")
    assert code == 0, error
    assert said["pulled"]["fetched_bytes"] == len(MODEL)


def test_a_registry_without_the_artifact_says_so(registry: str, say: Say) -> None:
    code, _, error = say("models", "pull", f"oci+http://{registry}/acme/nothing:v1")
    assert (code, "check the repository and the tag" in error) == (3, True)


@pytest.fixture(scope="module")
def bucket(
    make: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
) -> Iterator[str]:
    """rclone's server of S3, with a bucket `models` and keys of its own."""
    python = Path((make("pulls", "pulls") / "python").read_text())
    folder = tmp_path_factory.mktemp("bucket")
    (folder / "models" / "lines v1").mkdir(parents=True)
    (folder / "models" / "lines v1" / "model.onnx").write_bytes(MODEL)
    (folder / "models" / "lines v1" / "model.pkl").write_bytes(b"")
    address = f"127.0.0.1:{free_port()}"
    command = ["serve", "s3", "--addr", address, "--auth-key", "KEY,S3CRET", str(folder)]
    process = subprocess.Popen([python.parent / "rclone", *command], stderr=subprocess.DEVNULL)
    _until_it_listens(address)
    yield f"http://{address}"
    process.terminate()
    process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("source", ["s3://models/lines v1/model.onnx", "s3://models/lines v1/"])
def test_a_bucket_of_a_real_server_is_read_by_signed_requests(
    bucket: str, tmp_path: Path, source: str
) -> None:
    got = pull(source, _of_bucket(bucket, "S3CRET"), tmp_path, lambda _here, _total: None)
    assert [path.name for path in got.files.iterdir()] == ["model.onnx"]
    assert (got.files / "model.onnx").read_bytes() == MODEL


def test_a_bucket_refuses_a_wrong_key(bucket: str, tmp_path: Path) -> None:
    allowed = _of_bucket(bucket, "other")
    with pytest.raises(Refused, match="HTTP 403"):
        pull("s3://models/lines v1/model.onnx", allowed, tmp_path, lambda _here, _total: None)


def _of_bucket(address: str, secret: str) -> Pull:
    said = PullSettings(
        pull_s3_endpoint=address, pull_s3_access_key="KEY", pull_s3_secret_key=secret
    )
    return pull_allowed(said, SystemClock())
