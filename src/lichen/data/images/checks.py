"""Are images fit to learn from? Their classes, their size, and those that stand there twice."""
# ruff: noqa: S608 - the SQL names our own tables

from lichen.data.engine import Engine
from lichen.data.findings import Finding, Severity, counted
from lichen.data.layout import ROWS, Layout
from lichen.data.schema import Dtype, Role

FEW_OF_A_CLASS = 10
"""Fewer images than this of one class teach it badly."""
_LISTED = 20
_EXAMPLES = 5


def check_images(engine: Engine, layout: Layout) -> list[Finding]:
    """What is found about the column of images of a dataset; nothing where it has none."""
    found: list[Finding] = []
    for column in layout.schema:
        if column.dtype is not Dtype.IMAGE:
            continue
        height, width, channels = column.shape
        found.append(
            Finding(
                "image-size",
                Severity.INFO,
                f"every image has {width}x{height} pixels "
                f"{'of grey' if channels == 1 else 'of red, green and blue'}",
                "nothing to do: a model takes images of this size",
                column.name,
            )
        )
        for target in layout.schema.having(Role.TARGET):
            found += _check_classes(engine, layout.key(target.name), target.name)
            found += _check_contradictions(engine, layout, column.name, target.name)
        found += _check_repeated(engine, layout, column.name)
    return found


def _check_classes(engine: Engine, key: str, name: str) -> list[Finding]:
    counts = [
        (str(label), int(count))
        for label, count in engine.rows(
            f"SELECT {key}, count(*) FROM {ROWS} GROUP BY {key} ORDER BY {key}"
        )
    ]
    if len(counts) == 1:
        return [
            Finding(
                "one-class",
                Severity.ERROR,
                f"every image is of the class {counts[0][0]!r}: there is nothing to tell apart",
                "add a folder of pictures of another class",
                name,
                counts[0][1],
            )
        ]
    listed = ", ".join(f"{label} {count:,}" for label, count in counts[:_LISTED])
    more = ", ..." if len(counts) > _LISTED else ""
    found = [
        Finding(
            "classes",
            Severity.INFO,
            f"{counted(len(counts), 'class', 'classes')}: {listed}{more}",
            "nothing to do, unless one is missing",
            name,
            len(counts),
        )
    ]
    rare = [label for label, count in counts if count < FEW_OF_A_CLASS]
    if rare:
        found.append(_rare(name, rare))
    return found


def _rare(name: str, rare: list[str]) -> Finding:
    listed = ", ".join(rare[:_EXAMPLES]) + (", ..." if len(rare) > _EXAMPLES else "")
    return Finding(
        "few-of-a-class",
        Severity.WARNING,
        f"{counted(len(rare), 'class has', 'classes have')} fewer than {FEW_OF_A_CLASS} images: "
        f"{listed}",
        "add more of them, or leave the class out",
        name,
        len(rare),
    )


def _check_contradictions(engine: Engine, layout: Layout, image: str, target: str) -> list[Finding]:
    key, label = _digest(layout, image), layout.key(target)
    places = _places(
        engine,
        f"{key} IN (SELECT {key} FROM {ROWS} GROUP BY {key} HAVING count(DISTINCT {label}) > 1)",
    )
    if not places[0]:
        return []
    return [
        Finding(
            "contradicting-labels",
            Severity.WARNING,
            f"{counted(places[0], 'row')} hold the same image as another row of another class",
            "look at them, and keep the right one",
            image,
            *places,
        )
    ]


def _check_repeated(engine: Engine, layout: Layout, image: str) -> list[Finding]:
    """Images that are there twice; in two splits, one gives the other away."""
    key = _digest(layout, image)
    split = layout.key("split") if "split" in layout.schema.names else "''"
    found = []
    crossing = _places(
        engine,
        f"{split} <> 'train' AND {key} IN (SELECT {key} FROM {ROWS} GROUP BY {key} "
        f"HAVING count(DISTINCT {split}) > 1)",
    )
    if crossing[0]:
        found.append(
            Finding(
                "leakage-suspect",
                Severity.WARNING,
                f"{counted(crossing[0], 'image')} outside the split train stand in another split "
                "too: a model has seen them before it is scored",
                "remove them from one of the two",
                image,
                *crossing,
            )
        )
    repeated = _places(engine, f"n NOT IN (SELECT min(n) FROM {ROWS} GROUP BY {key}, {split})")
    if repeated[0]:
        found.append(
            Finding(
                "duplicate-images",
                Severity.WARNING,
                f"{counted(repeated[0], 'image')} repeat another one exactly",
                "remove them: they stand on both sides of any random split",
                image,
                *repeated,
            )
        )
    return found


def _digest(layout: Layout, image: str) -> str:
    """What equal images have in common, and is small."""
    return f"md5({layout.key(image)})"


def _places(engine: Engine, where: str) -> tuple[int, tuple[int, ...]]:
    """How many rows there are, and the first few of them."""
    count = engine.row(f"SELECT count(*) FROM {ROWS} WHERE {where}")[0]
    rows = engine.rows(f"SELECT n FROM {ROWS} WHERE {where} ORDER BY n LIMIT {_EXAMPLES}")
    return int(count), tuple(int(n) for (n,) in rows)
