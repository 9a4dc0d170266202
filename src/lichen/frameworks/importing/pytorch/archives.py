"""What a file of PyTorch holds, told by the names within it; light code that loads nothing.

`torch.export.save`, `torch.jit.save` and `torch.save` all write zip archives with a folder in them;
what lies in that folder tells them apart. The ending of the file's name does not.
"""

from enum import StrEnum

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.pickles import pickle_in
from lichen.frameworks.importing.source import Source, opened_zip, zip_member

_OLDEST_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
"""How `torch.save` began before PyTorch 1.6: a pickled number of its own."""
_LARGEST_PICKLE = 64 * 2**20
_TORCH = "torch"
_BUILDS = (
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_qtensor",
    "torch.Size",
    "torch.device",
    "torch.serialization._get_layout",
    "torch._tensor._rebuild_from_type_v2",
)
_STORAGES = ("Storage", "QScheme", "per_tensor_affine", "per_channel_affine")
_SCRIPTED = "__torch__."
_OF_SCRIPTS = "torch.jit._pickle."


class Kind(StrEnum):
    """What wrote an archive."""

    PROGRAM = "an exported program"
    OLD_PROGRAM = "an exported program of an old form"
    SCRIPT = "TorchScript"
    PICKLE = "a pickle in a zip archive"
    OLD_PICKLE = "a pickle of an old form"


def kind_of(source: Source) -> Kind | None:
    """What PyTorch file it is; None: it is none, or there are several files.

    Raises:
        InvalidInput: it is a damaged archive, or one made to do harm.
    """
    if source.only is None:
        return None
    if source.head(source.only, len(_OLDEST_MAGIC)) == _OLDEST_MAGIC:
        return Kind.OLD_PICKLE
    members = source.members(source.only)
    within = {name.partition("/")[2] for name in members}
    if "serialized_exported_program.json" in members:
        return Kind.OLD_PROGRAM
    return _of_members(within)


def _of_members(within: set[str]) -> Kind | None:
    if "archive_format" in within or "models/model.json" in within:
        return Kind.PROGRAM
    if "data.pkl" not in within:
        return None
    is_script = "constants.pkl" in within and any(name.startswith("code/") for name in within)
    return Kind.SCRIPT if is_script else Kind.PICKLE


def is_program(source: Source) -> bool:
    """Is it what `torch.export.save` wrote?

    Raises:
        InvalidInput: it is, by a PyTorch whose form nobody can read without unpickling.
    """
    found = kind_of(source)
    if found is Kind.OLD_PROGRAM:
        raise InvalidInput(
            f"{source.name} was exported by PyTorch before 2.7, in a form that is read by "
            "unpickling: load it there, and write it by torch.export.save of PyTorch 2.7 or newer"
        )
    return found is Kind.PROGRAM


def is_script(source: Source) -> bool:
    """Is it what `torch.jit.save` wrote?"""
    return kind_of(source) is Kind.SCRIPT


def is_pickled(source: Source) -> bool:
    """Is it what `torch.save` wrote: a pickle, whatever it is called and packed in?"""
    return kind_of(source) in (Kind.PICKLE, Kind.OLD_PICKLE)


def check_pickles(source: Source) -> None:
    """Do the pickles within an archive build tensors and types of TorchScript, and nothing else?

    PyTorch reads those of TorchScript by code of its own, which calls nothing of Python; what is
    named beyond that has no business there.

    Raises:
        InvalidInput: one names something else; the message says which and where.
    """
    name = source.only or ""
    with opened_zip(source.path(name)) as archive:
        for member in archive.namelist():
            if member.endswith((".pkl", ".pt")) or "/data/constants/custom_obj_" in member:
                check_pickle("it", member, zip_member(archive, member, _LARGEST_PICKLE))


def check_pickle(shown: str, member: str, content: bytes) -> None:
    """Does a pickle name tensors and their storages alone, from its beginning to its end?

    Raises:
        InvalidInput: it names something else, breaks off, or is none.
    """
    found = pickle_in(content, member)
    strange = [one for one in (found.names if found else ()) if not _is_harmless(one)]
    if strange:
        raise InvalidInput(
            f"{shown} hides a pickle in {member} that would call {', '.join(strange[:3])}, which "
            "no tensor needs: it is refused; export the model again with PyTorch itself"
        )
    if found is None or not found.is_whole:
        raise InvalidInput(
            f"{shown} holds {member}, which is no whole pickle of tensors: it is refused; export "
            "the model again with PyTorch itself"
        )


def _is_harmless(name: str) -> bool:
    if name.startswith(_SCRIPTED) or name in _BUILDS:
        return True
    if name.startswith(_OF_SCRIPTS):
        return "." not in name.removeprefix(_OF_SCRIPTS)
    package, _, rest = name.partition(".")
    return package == _TORCH and "." not in rest and rest.endswith(_STORAGES)
