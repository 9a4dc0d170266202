"""A file is replaced whole or not at all."""

import subprocess
import sys
from pathlib import Path

FULL_AT_64_BYTES = """
import resource, sys
from pathlib import Path
from lichen.store.whole_files import replace_file
from lichen.core.errors import StorageFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
try:
    replace_file(Path(sys.argv[1]), b"x" * int(sys.argv[2]))
except StorageFailed as error:
    sys.exit(f"refused: {error}")
"""


def written(path: Path, length: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", FULL_AT_64_BYTES, str(path), str(length)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_file_before_stays_where_there_is_no_room_for_another(tmp_path: Path) -> None:
    path = tmp_path / "sci.html"
    assert written(path, 64).returncode == 0
    refused = written(path, 65)
    assert refused.stderr.startswith(f"refused: {path} could not be read or written (")
    assert path.read_bytes() == b"x" * 64
    assert list(tmp_path.iterdir()) == [path]


def test_a_linked_file_is_written_where_the_link_points(tmp_path: Path) -> None:
    (tmp_path / "latest.html").symlink_to(tmp_path / "october.html")
    assert written(tmp_path / "latest.html", 5).returncode == 0
    assert (tmp_path / "october.html").read_bytes() == b"xxxxx"
    assert (tmp_path / "latest.html").is_symlink()


def test_what_is_no_file_is_written_to() -> None:
    done = written(Path("/dev/stdout"), 5)
    assert (done.stdout, done.returncode) == ("xxxxx", 0)
