import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from lichen.core.errors import Conflict, Corrupt, StorageFailed, Unavailable
from lichen.store.documents import Change, SqliteDocuments

ADD_ONE = """
import sys
from pathlib import Path
from lichen.store.documents import Change, SqliteDocuments
documents = SqliteDocuments(Path(sys.argv[1]))
documents.commit([Change("jobs", "there", b"1")])
documents.close()
"""


def test_the_supervisor_pays_for_the_standard_library_only() -> None:
    code = (
        "import sys, lichen.store.documents, lichen.store.blobs\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('msgspec', 'numpy', 'httpx')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout == b"[]\n"


def test_another_processs_commit_raises_the_revision(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "lichen.db")
    before = documents.revision()
    subprocess.run([sys.executable, "-c", ADD_ONE, str(tmp_path / "lichen.db")], check=True)
    assert documents.revision() > before
    assert documents.get("jobs", "there") is not None
    documents.close()


def test_what_was_committed_survives_closing(tmp_path: Path) -> None:
    first = SqliteDocuments(tmp_path / "lichen.db")
    revision = first.commit([Change("jobs", "a", b"1")])
    first.close()
    second = SqliteDocuments(tmp_path / "lichen.db")
    assert second.revision() == revision
    second.close()


def test_threads_that_count_together_lose_nothing(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "lichen.db")
    documents.commit([Change("counters", "a", b"0")])

    def count() -> None:
        done = 0
        while done < 20:
            seen = documents.get("counters", "a")
            assert seen is not None
            body = str(int(seen.body) + 1).encode()
            try:
                documents.commit([Change("counters", "a", body, seen.version)])
            except Conflict:
                continue
            done += 1

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    final = documents.get("counters", "a")
    assert final is not None
    assert final.body == b"80"
    documents.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "lichen.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(Corrupt, match=r"lichen\.db is damaged or no database"):
        SqliteDocuments(path)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="could not be read or written"):
        SqliteDocuments(tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(StorageFailed):
        SqliteDocuments(tmp_path / "home" / "lichen.db")


def test_a_store_that_was_closed_says_so(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "lichen.db")
    documents.close()
    with pytest.raises(StorageFailed, match="closed"):
        documents.get("jobs", "a")


def test_a_writer_that_never_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.store.documents._BUSY_SECONDS", 0.01)
    first, second = (SqliteDocuments(tmp_path / "lichen.db") for _ in range(2))
    with first._transaction(), pytest.raises(Unavailable, match="another writer"):
        second.commit([Change("jobs", "a", b"1")])
    second.commit([Change("jobs", "a", b"1")])
    first.close()
    second.close()


def test_first_starts_that_meet_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Turning WAL on failed at once in 31 of 100 rounds where four did it together. Here another
    # process reads just then, and is done by the time that ours tries again.
    monkeypatch.setattr("lichen.store.documents._BUSY_SECONDS", 0.01)
    other = sqlite3.connect(tmp_path / "lichen.db", isolation_level=None)
    other.execute("CREATE TABLE something (a)")
    seen: list[str] = []

    def meet(statement: str) -> None:
        seen.append(statement)
        if "journal_mode" in statement and seen.count(statement) == 1:
            other.execute("BEGIN")
            other.execute("SELECT * FROM something")
        elif statement == "ROLLBACK":
            other.execute("COMMIT")

    class Meeting(SqliteDocuments):
        def _connect(self) -> sqlite3.Connection:
            connection = super()._connect()
            connection.set_trace_callback(meet)
            return connection

    documents = Meeting(tmp_path / "lichen.db")
    assert seen.count("PRAGMA journal_mode = WAL") == 2
    assert documents.revision() == 0
    documents.close()
    other.close()


def test_a_file_that_another_program_never_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.store.documents._BUSY_SECONDS", 0.01)
    other = sqlite3.connect(tmp_path / "lichen.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="another writer"):
        SqliteDocuments(tmp_path / "lichen.db")
    other.close()
