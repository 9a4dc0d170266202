"""Pinned packages of frameworks that get an environment of their own: a file each, with digests.

`NAME.txt` lists all that an environment needs, each file that may be installed by its SHA-256, for
Python 3.11 to 3.13 on any machine that has wheels of it. What has builds of its own on indexes of
its own (PyTorch: the build for CPUs is not where that for GPUs is) is pinned by version alone, in
`NAME-unhashed.txt`, and installed after the rest.

To move to newer versions, write the names into `NAME.in`, and run

    uv pip compile --universal --python-version 3.11 --only-binary :all: --generate-hashes \
        --no-header --no-annotate NAME.in -o NAME.txt

Of PyTorch's list, its own line and what it needs of GPUs are taken out by hand.
"""

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class PinnedPackages:
    """What an environment holds, as pip reads it.

    Attributes:
        hashed: packages with the digests of their files; all of what any of them needs.
        unhashed: packages by version alone, installed after these; None: there are none.
    """

    hashed: bytes
    unhashed: bytes | None


def pinned_packages(name: str) -> PinnedPackages | None:
    """The packages of an environment, or None where there is none of that name."""
    folder = files(__name__)
    listed, beside = folder.joinpath(f"{name}.txt"), folder.joinpath(f"{name}-unhashed.txt")
    if not listed.is_file():
        return None
    return PinnedPackages(listed.read_bytes(), beside.read_bytes() if beside.is_file() else None)
