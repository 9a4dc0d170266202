"""Processes that register at once: every version whole, numbered once, none lost."""

import subprocess
import sys
from pathlib import Path

from lichen.core.clock import SystemClock
from lichen.core.ids import JobId
from lichen.registry.catalog import Catalog
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

EACH = 12
REGISTER = """
import sys
from pathlib import Path
from lichen.core.clock import SystemClock
from lichen.core.errors import Conflict
from lichen.core.tensors import Signature
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, SqliteDocuments

home, who, jobs = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
documents = SqliteDocuments(home / "lichen.db")
catalog = Catalog(documents, LocalBlobs(home / "blobs"), SystemClock())
print("ready", flush=True)
sys.stdin.readline()
for job in jobs:
    draft = Draft("vic", "forecast", "ridge", Signature((), ()), "0.1.0", job_id=job)
    files = {"model.onnx": f"made by {job}".encode(), "shared.json": b"{}"}
    manifest = catalog.register(draft, files, [Change("done", job, who.encode())])
    print(manifest.version, flush=True)
documents.close()
"""


def register_at_once(home: Path, jobs: list[list[str]]) -> list[list[int]]:
    """One process for each list of jobs, started together; the versions each got."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, str(home), str(number), ",".join(mine)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number, mine in enumerate(jobs)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        answers.append([int(line) for line in output.split()])
    return answers


def test_two_processes_share_the_numbers_without_gap_or_clash(tmp_path: Path) -> None:
    jobs = [[f"job-{who}-{number}" for number in range(EACH)] for who in range(2)]
    first, second = register_at_once(tmp_path, jobs)
    assert sorted(first + second) == list(range(1, 2 * EACH + 1))
    assert first == sorted(first)
    documents = SqliteDocuments(tmp_path / "lichen.db")
    catalog = Catalog(documents, LocalBlobs(tmp_path / "blobs"), SystemClock())
    versions = catalog.versions("vic")
    assert [manifest.version for manifest in versions] == list(range(1, 2 * EACH + 1))
    for manifest in versions:
        assert catalog.verify(manifest) == ()
        assert catalog.read(manifest, "model.onnx") == f"made by {manifest.job_id}".encode()
    assert len(documents.scan("done")) == 2 * EACH
    documents.close()


def test_two_attempts_at_the_same_jobs_make_each_version_once(tmp_path: Path) -> None:
    jobs = [f"job-{number}" for number in range(EACH)]
    first, second = register_at_once(tmp_path, [jobs, jobs])
    assert first == second == list(range(1, EACH + 1))
    documents = SqliteDocuments(tmp_path / "lichen.db")
    catalog = Catalog(documents, LocalBlobs(tmp_path / "blobs"), SystemClock())
    assert [m.job_id for m in catalog.versions("vic")] == [JobId(job) for job in jobs]
    assert not list((tmp_path / "blobs").glob(".writing-*"))
    documents.close()
