"""Where a spaCy pipeline lies: a folder that spaCy saved, or one within a package. Nothing runs."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import Source, opened_zip, zip_member
from lichen.frameworks.language.spacy_config import CONFIG_FILE, read_makeup

PIPELINE_TAR = "spacy.tar"
"""The pipeline's files as a version keeps them."""
_MARK = b"[nlp]"
_LOOKED_AT = 1 << 20
_CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".pth")
_FILE_MODE = 0o644


def is_spacy(source: Source) -> bool:
    """Is there a folder with the `config.cfg` of a pipeline?

    Raises:
        InvalidInput: it is one, and names what is not spaCy's own: that needs no framework.
    """
    if not _members(source) and not any(_is_config(source, one) for one in _configs(source.names)):
        return False
    names = _members(source) or source.names
    config = _folder(_configs(names)) + CONFIG_FILE
    read_makeup(_contents(source, [config])[config])
    return True


def pipeline_contents(source: Source) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files of the pipeline by their names within it, and the code that is left out.

    Raises:
        InvalidInput: there is more than one pipeline, or an archive is damaged.
    """
    names = _members(source) or source.names
    folder = _folder(_configs(names))
    inside = [one for one in names if one.startswith(folder) and not one.endswith("/")]
    kept = [one for one in inside if not one.lower().endswith(_CODE)]
    contents = _contents(source, kept)
    left_out = tuple(sorted(one for one in names if one.lower().endswith(_CODE)))
    return {name.removeprefix(folder): contents[name] for name in sorted(kept)}, left_out


def packed(contents: Mapping[str, bytes]) -> bytes:
    """Files as a tar; the same files give the same bytes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), _FILE_MODE
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def _configs(names: tuple[str, ...]) -> list[str]:
    return [one for one in names if PurePosixPath(one).name == CONFIG_FILE]


def _folder(configs: list[str]) -> str:
    """The one that a pipeline lies in, with `/` at its end; that of a part of it is deeper."""
    if not configs:
        raise InvalidInput(f"there is no {CONFIG_FILE}: give the folder that nlp.to_disk wrote")
    shortest = min(configs, key=lambda one: one.count("/"))
    folder = shortest.removesuffix(CONFIG_FILE)
    others = [one for one in configs if not one.startswith(folder)]
    if others:
        raise InvalidInput(
            f"there are several pipelines ({shortest}, {others[0]}): import one folder at a time"
        )
    return folder


def _is_config(source: Source, name: str) -> bool:
    return _MARK in source.head(name, _LOOKED_AT)


def _members(source: Source) -> tuple[str, ...]:
    """The files of a package (a wheel) that holds a pipeline; else nothing."""
    if source.only is None:
        return ()
    members = source.members(source.only)
    configs = _configs(members)
    if not configs:
        return ()
    with opened_zip(source.path(source.only)) as archive:
        is_one = any(_MARK in zip_member(archive, one, _LOOKED_AT) for one in configs)
    return members if is_one else ()


def _contents(source: Source, names: list[str]) -> dict[str, bytes]:
    if not _members(source) or source.only is None:
        return {name: source.read(name) for name in names}
    with opened_zip(source.path(source.only)) as archive:
        return {name: zip_member(archive, name) for name in names}
