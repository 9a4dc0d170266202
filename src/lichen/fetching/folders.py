"""A model on this machine's own disks, `file:/path`: only below folders that the operator names."""

import shutil
import stat
from pathlib import Path

from lichen.core.errors import Forbidden, InvalidInput, NotFound, TooLarge
from lichen.fetching.fetching import Fetched
from lichen.fetching.parts import MOST_FILES, Listing
from lichen.fetching.policy import Policy
from lichen.store.failures import storage_failures


def copied(said: str, policy: Policy, folder: Path) -> Fetched:
    """A file, or all files of a folder, copied below `folder`.

    Raises:
        Forbidden: it is not below a folder that may be read.
        NotFound: there is nothing.
        InvalidInput: it holds a link or a device.
        TooLarge: it is larger than a pull may be.
    """
    path = _allowed(said, policy)
    sources = [path] if path.is_file() else sorted(one for one in path.rglob("*"))
    files, size = folder / "files", 0
    shutil.rmtree(files, ignore_errors=True)
    for count, source in enumerate(sources):
        mode = source.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise InvalidInput(f"{source} is a link or a device: give the files themselves")
        size += source.stat().st_size
        if size > policy.most_bytes or count > MOST_FILES:
            raise TooLarge(
                f"{path} has over {policy.most_bytes:,} bytes or {MOST_FILES:,} files: name one "
                "model, or let an administrator raise the setting `pull_bytes`"
            )
        name = path.name if source == path else source.relative_to(path).as_posix()
        _copy(source, files / name)
    return Fetched(files, Listing(path.name, f"file:{path}", ()), size, 0, 0)


def _copy(source: Path, target: Path) -> None:
    with storage_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target, follow_symlinks=False)


def _allowed(said: str, policy: Policy) -> Path:
    """The path, links resolved.

    Whether something is there is not said of a path that may not be read.
    """
    wanted = Path(said)
    if not wanted.is_absolute() or "\0" in said:
        raise InvalidInput(f"file:{said} is no whole path: write file:/folder/model.onnx")
    path = wanted.resolve()
    roots = [root.resolve() for root in policy.folders]
    if not any(path.is_relative_to(root) for root in roots):
        raise Forbidden(
            f"file:{said} is not below a folder of this server that models may be pulled from: let "
            "an administrator name it in the setting `pull_folders`, or upload the file"
        )
    if not path.exists():
        raise NotFound(f"there is no {said} on the server: check the path")
    return path
