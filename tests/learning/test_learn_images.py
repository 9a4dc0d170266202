"""The task `image-classification`: pictures become an endpoint with two commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import duckdb
import httpx
import numpy as np
import pytest
from sklearn.datasets import load_digits

from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput
from lichen.protocol.training import ClusteringTraining

Image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `images`")
pytest.importorskip("torch", reason="PyTorch comes with the extra `torch`")

FASHION = Path("/usr/share/datasets/fashion-mnist")
CLASSES = ["--algorithm", "cnn", "--seed", "0"]


class Running(Protocol):
    home: Path
    http: str


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 1,797 digits of scikit-learn as pictures in a folder for each."""
    folder = tmp_path_factory.mktemp("pictures") / "digits"
    held = load_digits()
    for number, (pixels, digit) in enumerate(zip(held.images, held.target, strict=True)):
        path = folder / f"{digit}" / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype(np.uint8)).save(path)
    return folder


def _metric(trained: Any, name: str, split: str = "test") -> float:  # noqa: ANN401
    found = [
        one["value"]
        for one in trained["version"]["metrics"]
        if one["name"] == name and one["split"] == split
    ]
    return float(found[0])


def test_a_folder_of_digits_becomes_an_endpoint_that_reads_99_of_100_with_two_commands(
    command: Callable[..., Any], lichen: Lichen, platform: Running, digits: Path
) -> None:
    """A fifth is held out, stratified: 360 of 1,797."""
    command("data", "add", "digits", digits)
    trained = command("train", "image-classification", "--data", "digits", *CLASSES)
    assert _metric(trained, "accuracy") >= 0.99
    assert _metric(trained, "coverage") >= 0.85
    assert trained["job"]["receipt"]["energy"]["nj"] > 0
    command("deploy", "digits@1", "--name", "digits")
    fives = sorted((digits / "5").iterdir())[:40]
    pixels = np.stack([np.asarray(Image.open(one)) for one in fives])[..., None]
    by_bytes = lichen.predict("digits", {"image": pixels})
    by_lists = lichen.predict("digits", {"image": pixels.tolist()})
    assert by_bytes.outputs["prediction"] == by_lists.outputs["prediction"]
    assert by_bytes.outputs["prediction"].count("5") >= 38
    np.testing.assert_allclose(np.sum(by_lists.outputs["probability"], axis=1), 1.0, atol=1e-5)
    one = command("predict", "digits", "--input", fives[0])
    assert one["outputs"]["prediction"] == by_lists.outputs["prediction"][:1]
    folder = command("predict", "digits", "--input", digits / "5")
    assert folder["outputs"]["prediction"][:40] == by_lists.outputs["prediction"]
    answered = digits.parent / "answered.parquet"
    command("predict", "digits", "--data", "digits", "--output", answered)
    right = (
        duckdb.connect()
        .execute("SELECT avg((prediction = label)::INTEGER) FROM read_parquet(?)", [str(answered)])
        .fetchone()
    )
    assert right is not None
    assert right[0] >= 0.99
    key = (platform.home / "admin.key").read_text().strip()
    plain = httpx.post(
        f"{platform.http}/predict/digits",
        json={"x": pixels[0].tolist()},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert plain.status_code == 200, plain.text
    assert plain.json()["y_pred"]["prediction"] == by_lists.outputs["prediction"][0]
    assert "nj=" in plain.headers["Lichen-Receipt"]
    with pytest.raises(InvalidInput, match="holds images, which the task 'clustering' cannot"):
        lichen.train(ClusteringTraining(data="digits"))


@pytest.mark.skipif(not FASHION.is_dir(), reason=f"Debian's dataset-fashion-mnist: no {FASHION}")
def test_fashion_mnist_is_read_as_it_comes_and_one_pass_of_a_small_network_learns_it(
    command: Callable[..., Any],
) -> None:
    added = command("data", "add", "fashion", FASHION)
    assert added["rows"] == 70_000
    trained = command(
        *("train", "image-classification", "--data", "fashion", "--algorithm", "mlp"),
        *("--epochs", "2", "--batch-size", "256", "--learning-rate", "0.003"),
    )
    assert trained["version"]["algorithm"] == "mlp"
    assert _metric(trained, "accuracy") >= 0.82
