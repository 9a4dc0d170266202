"""Images into dataset versions, through the whole of ingestion."""

import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, TooLarge
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions, Limits
from lichen.data.schema import Dtype, Role

Image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `images`")
Pack = Callable[..., Path]


def _pixels(seed: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _picture(pixels: NDArray[np.uint8], form: str = "PNG", **more: object) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, form, **more)
    return held.getvalue()


def _png(seed: int, *shape: int) -> bytes:
    return _picture(_pixels(seed, shape or (4, 5)))


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Zip members into a file; its path."""

    def packed(members: Mapping[str, bytes], name: str = "pets.zip") -> Path:
        path = tmp_path / name
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            for member, body in members.items():
                archive.writestr(member, body)
        return path

    return packed


@pytest.fixture
def arrays(tmp_path: Path) -> Callable[..., Path]:
    def saved(**named: NDArray[np.generic]) -> Path:
        path = tmp_path / "arrays.npz"
        np.savez(path, allow_pickle=True, **named)
        return path

    return saved


def _codes(version: object) -> dict[str, str]:
    return {one.code: one.sentence for one in version.findings}  # type: ignore[attr-defined]


PETS = {
    f"{kind}/{i}.png": _png(10 * j + i) for j, kind in enumerate(("cat", "dog")) for i in range(3)
}


def test_folders_of_pictures_become_pixels_and_the_class_that_their_folder_says(
    datasets: Datasets, pack: Pack
) -> None:
    version = datasets.ingest("pets", pack(PETS))
    image, label = version.schema.columns
    assert (image.name, image.dtype, image.shape) == ("image", Dtype.IMAGE, (4, 5, 1))
    assert (label.name, label.dtype, label.role) == ("label", Dtype.TEXT, Role.TARGET)
    table = datasets.read(version)
    assert table.arrays["image"].shape == (6, 4, 5, 1)
    assert table.arrays["label"].tolist() == ["cat"] * 3 + ["dog"] * 3
    np.testing.assert_array_equal(table.arrays["image"][4, ..., 0], _pixels(11, (4, 5)))
    assert _codes(version)["classes"] == "2 classes: cat 3, dog 3"
    assert "few-of-a-class" in _codes(version)
    assert version.profile[0].distinct == 6


def test_the_same_pictures_are_the_same_version_whatever_their_archive(
    datasets: Datasets, pack: Pack
) -> None:
    first = datasets.ingest("pets", pack(PETS))
    around = {f"downloads/pets/{name}": body for name, body in reversed(PETS.items())}
    assert datasets.ingest("pets", pack(around, "other.zip")) == first


def test_folders_called_train_and_test_become_the_column_split(
    datasets: Datasets, pack: Pack
) -> None:
    held = {
        f"{part}/{name}": _png(i + 100 * j, 4, 4)
        for j, part in enumerate(("Train", "test"))
        for i, name in enumerate(PETS)
    }
    held["test/cat/0.png"] = held["Train/cat/1.png"]
    held["Train/dog/9.png"] = held["Train/dog/1.png"]
    version = datasets.ingest("pets", pack(held))
    table = datasets.read(version, ["split", "label"])
    assert sorted(set(table.arrays["split"])) == ["test", "train"]
    assert set(table.arrays["label"]) == {"cat", "dog"}
    codes = _codes(version)
    assert codes["leakage-suspect"].startswith("1 image outside the split train")
    assert codes["duplicate-images"].startswith("1 image repeat")
    assert [one.code for one in datasets.check(version)] == [
        "image-size",
        "classes",
        "few-of-a-class",
        "leakage-suspect",
        "duplicate-images",
    ]


def test_one_image_under_two_classes_is_found(datasets: Datasets, pack: Pack) -> None:
    version = datasets.ingest("pets", pack({**PETS, "dog/x.png": PETS["cat/0.png"]}))
    assert _codes(version)["contradicting-labels"].startswith("2 rows")


def test_pictures_of_several_sizes_are_refused_with_the_sizes_or_brought_to_one(
    datasets: Datasets, pack: Pack
) -> None:
    path = pack({**PETS, "cat/9.png": _png(1, 9, 8), "notes.txt": b"x", ".DS_Store": b"x"})
    with pytest.raises(
        InvalidInput, match=r"2 sizes: 5x4 \(6, .*8x9 \(1, such as cat/9.png\).*--size 5x4"
    ):
        datasets.ingest("pets", path)
    version = datasets.ingest("pets", path, IngestOptions(size="6x7"))
    assert version.schema.column("image").shape == (7, 6, 1)
    assert _codes(version)["other-files"].startswith("2 files")
    with pytest.raises(InvalidInput, match="write width x height in pixels, as 28x28"):
        datasets.ingest("pets", path, IngestOptions(size="28"))


def test_a_colour_picture_among_grey_ones_makes_all_of_three_channels(
    datasets: Datasets, pack: Pack
) -> None:
    colour = _pixels(7, (4, 5, 3))
    version = datasets.ingest("pets", pack({**PETS, "cat/3.png": _picture(colour)}))
    images = datasets.read(version, ["image"]).arrays["image"]
    assert images.shape == (7, 4, 5, 3)
    np.testing.assert_array_equal(images[3], colour)
    np.testing.assert_array_equal(images[0, ..., 0], images[0, ..., 2])


def _strange(kind: str) -> bytes:
    held = io.BytesIO()
    grey = Image.fromarray(_pixels(3, (4, 5)))
    if kind == "moving":
        grey.save(held, "GIF", save_all=True, append_images=[Image.fromarray(_pixels(4, (4, 5)))])
    elif kind == "cmyk":
        Image.fromarray(_pixels(3, (4, 5, 3))).convert("CMYK").save(held, "JPEG")
    elif kind == "alpha":
        Image.fromarray(np.zeros((4, 5, 4), np.uint8)).save(held, "PNG")
    else:
        Image.fromarray(np.full((4, 5), 0x4321, np.uint16)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("kind", "said", "corner"),
    [
        ("moving", "its first frame is taken", None),
        ("cmyk", "is in CMYK", None),
        ("alpha", "laid on white", 255),
        ("deep", "the 8 highest are kept", 0x43),
    ],
)
def test_what_a_picture_loses_when_it_is_read_is_said(
    datasets: Datasets, pack: Pack, kind: str, said: str, corner: int | None
) -> None:
    version = datasets.ingest("pets", pack({"cat/!.png": _strange(kind), **PETS}))
    assert said in _codes(version)["picture-converted"]
    if corner is not None:
        assert datasets.read(version, ["image"]).arrays["image"][0, 0, 0, 0] == corner


def test_a_picture_that_lies_on_its_side_is_turned(datasets: Datasets, pack: Pack) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = {
        f"{kind}/{i}.jpg": _picture(_pixels(i, (4, 8)), "JPEG", exif=exif)
        for i, kind in enumerate(("cat", "dog"))
    }
    assert datasets.ingest("pets", pack(turned)).schema.column("image").shape == (8, 4, 1)


def test_a_corrupt_picture_is_named_and_refused_but_one_of_hundreds_is_left_out(
    datasets: Datasets, pack: Pack
) -> None:
    whole = _png(1, 8, 8)
    half = whole[: len(whole) // 2]
    held = {name: _png(i, 8, 8) for i, name in enumerate(PETS)}
    for broken in (half, b"no picture"):
        with pytest.raises(InvalidInput, match=r"cat/2.png in pets.zip cannot be read"):
            datasets.ingest("pets", pack({**held, "cat/2.png": broken}))
    with pytest.raises(InvalidInput, match=r"no readable PNG, JPEG, GIF or BMP; correct or remove"):
        datasets.ingest("pets", pack({**held, "cat/2.png": b"no picture"}))
    many = {f"cat/{i:03}.png": _png(i, 8, 8) for i in range(250)} | held
    version = datasets.ingest("many", pack({**many, "cat/007.png": half, "cat/008.png": b"no"}))
    assert version.rows == len(many) - 2
    assert "cat/008.png, cat/007.png" in _codes(version)["corrupt-pictures"]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (
            {"a.png": _png(1), "b/c.png": _png(2)},
            "a.png in pets.zip stands in no folder of a class",
        ),
        ({"readme.txt": b"x"}, "holds no picture"),
        ({"../cat/1.png": _png(1)}, "names a place outside itself"),
        ({"/cat/1.png": _png(1)}, "names a place outside itself"),
    ],
)
def test_an_archive_that_is_not_folders_of_pictures_is_refused(
    datasets: Datasets, pack: Pack, held: Mapping[str, bytes], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        datasets.ingest("pets", pack(held))


def test_one_class_alone_is_an_error_that_is_found(datasets: Datasets, pack: Pack) -> None:
    version = datasets.ingest("cats", pack({"cat/1.png": _png(1), "cat/2.png": _png(2)}))
    assert [one.severity for one in version.findings if one.code == "one-class"] == ["error"]


def test_archives_are_held_to_the_limits_before_they_are_unpacked(
    datasets: Datasets, pack: Pack, tmp_path: Path
) -> None:
    bomb = pack({"cat/1.png": bytes(5_000_000), "dog/1.png": b"x"})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(TooLarge, match="unpacks to more than 1,000,000 bytes"):
        datasets.ingest("pets", bomb, IngestOptions(limits=Limits(bytes=1_000_000)))
    with pytest.raises(TooLarge, match="more than 3 files"):
        datasets.ingest("pets", pack(PETS), IngestOptions(limits=Limits(pictures=3)))
    with pytest.raises(InvalidInput, match="the limit `pixels` is 19"):
        datasets.ingest("pets", pack(PETS), IngestOptions(limits=Limits(pixels=19)))
    with pytest.raises(TooLarge, match="--size"):
        datasets.ingest("pets", pack(PETS), IngestOptions(limits=Limits(image_bytes=19)))
    no_zip = tmp_path / "no.zip"
    no_zip.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(InvalidInput, match="no zip file, or its end is missing"):
        datasets.ingest("pets", no_zip)
    no_zip.write_bytes(b"\0" * 40 + b"PK\x05\x06" + bytes(18))
    with pytest.raises(InvalidInput, match=r"no picture|no readable zip"):
        datasets.ingest("pets", no_zip)


def test_arrays_of_numpy_become_images_without_loss(
    datasets: Datasets, arrays: Callable[..., Path]
) -> None:
    eight = _pixels(1, (20, 6, 6, 3))
    version = datasets.ingest("a", arrays(x=eight, y=np.arange(20) % 2))
    read = datasets.read(version)
    np.testing.assert_array_equal(read.arrays["image"], eight)
    assert read.arrays["label"].tolist() == ["0", "1"] * 10
    sixteenths = np.arange(2 * 64).reshape(2, 8, 8) % 17.0
    version = datasets.ingest("b", arrays(images=sixteenths, labels=np.array(["on", "off"])))
    np.testing.assert_array_equal(datasets.read(version).arrays["image"][..., 0], sixteenths)
    shares = _pixels(2, (2, 4, 4)) / 255
    version = datasets.ingest("c", arrays(images=shares, labels=np.array([1.0, 2.0])))
    np.testing.assert_array_equal(
        datasets.read(version).arrays["image"][..., 0], _pixels(2, (2, 4, 4))
    )


def test_arrays_of_training_and_test_become_the_column_split(
    datasets: Datasets, arrays: Callable[..., Path]
) -> None:
    path = arrays(
        x_train=_pixels(1, (6, 4, 4)),
        y_train=np.arange(6) % 2,
        x_test=_pixels(2, (2, 4, 4)),
        y_test=np.arange(2),
    )
    table = datasets.read(datasets.ingest("a", path))
    assert table.arrays["split"].tolist() == ["train"] * 6 + ["test"] * 2


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"images": np.zeros((3, 4, 4), np.uint8)}, "and that of their classes `labels`"),
        ({"x": np.zeros((3, 16), np.uint8), "y": np.zeros(3)}, "the shape 3x16"),
        ({"x": np.zeros((3, 4, 4), np.uint8), "y": np.zeros(2)}, "3 images and 2 labels"),
        ({"x": np.full((3, 4, 4), 300), "y": np.zeros(3)}, "values from 300 to 300"),
        ({"x": np.full((3, 4, 4), np.nan), "y": np.zeros(3)}, "pixels are from 0 to 255"),
        ({"x": np.full((3, 4, 4), 7.5), "y": np.zeros(3)}, "fractions up to 7.5"),
        ({"x": np.zeros((3, 4, 4), np.uint8), "y": np.array([0, 0.5, 1])}, "a class is a whole"),
        ({"x": np.zeros((3, 4, 4, 2), np.uint8), "y": np.zeros(3)}, "1 or 3 channels"),
        ({"x": np.zeros((0, 4, 4), np.uint8), "y": np.zeros(0)}, "holds no image"),
        ({"x": np.array(["a"] * 16).reshape(1, 4, 4), "y": np.zeros(1)}, "pixels are numbers"),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    datasets: Datasets,
    arrays: Callable[..., Path],
    named: Mapping[str, NDArray[np.generic]],
    said: str,
) -> None:
    with pytest.raises(InvalidInput, match=said):
        datasets.ingest("a", arrays(**named))


def test_an_array_of_objects_is_refused_unread(
    datasets: Datasets, arrays: Callable[..., Path]
) -> None:
    mixed = np.empty(2, dtype=object)
    mixed[:] = [np.zeros((4, 4)), np.zeros((5, 5))]
    with pytest.raises(InvalidInput, match="one shape for all images"):
        datasets.ingest("a", arrays(images=mixed, labels=np.zeros(2)))


def _idx(array: NDArray[np.uint8]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def test_idx_files_become_images_whose_split_is_the_file(datasets: Datasets, pack: Pack) -> None:
    train, test = _pixels(1, (6, 4, 4)), _pixels(2, (2, 4, 4))
    held = {
        "t10k-images-idx3-ubyte.gz": gzip.compress(_idx(test)),
        "t10k-labels-idx1-ubyte.gz": gzip.compress(_idx(np.arange(2, dtype=np.uint8))),
        "train-images-idx3-ubyte": _idx(train),
        "train-labels-idx1-ubyte": _idx(np.arange(6, dtype=np.uint8) % 2),
    }
    table = datasets.read(datasets.ingest("fashion", pack(held)))
    assert table.arrays["split"].tolist() == ["train"] * 6 + ["test"] * 2
    np.testing.assert_array_equal(table.arrays["image"][..., 0], np.concatenate([train, test]))
    with pytest.raises(InvalidInput, match="--size does not change"):
        datasets.ingest("fashion", pack(held), IngestOptions(size="2x2"))


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (_idx(_pixels(1, (2, 4, 4)))[:-1], _idx(np.zeros(2, np.uint8)), "fetch it anew"),
        (b"\0\0\x0d\x03", _idx(np.zeros(2, np.uint8)), "no IDX file of bytes"),
        (_idx(_pixels(1, (2, 4, 4))), None, "no train-labels-idx1-ubyte beside it"),
        (_idx(_pixels(1, (2, 4, 4))), _idx(np.zeros(3, np.uint8)), "2 images and 3 labels"),
    ],
)
def test_damaged_idx_files_are_refused(
    datasets: Datasets, pack: Pack, images: bytes, labels: bytes | None, said: str
) -> None:
    held = {"train-images-idx3-ubyte": images}
    if labels is not None:
        held["train-labels-idx1-ubyte"] = labels
    with pytest.raises(InvalidInput, match=said):
        datasets.ingest("fashion", pack(held))


def test_a_gzip_bomb_within_an_archive_is_bounded(datasets: Datasets, pack: Pack) -> None:
    bomb = {
        "train-images-idx3-ubyte.gz": gzip.compress(bytes(3_000_000)),
        "train-labels-idx1-ubyte.gz": gzip.compress(b"x"),
    }
    with pytest.raises(TooLarge, match="unpacks to more"):
        datasets.ingest("f", pack(bomb), IngestOptions(limits=Limits(bytes=1_000_000)))


def test_images_are_not_appended_to(datasets: Datasets, pack: Pack) -> None:
    path = pack(PETS)
    datasets.ingest("pets", path)
    with pytest.raises(InvalidInput, match="holds images, which are not appended to"):
        datasets.append("pets", path)
