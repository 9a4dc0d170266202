"""Keras models of every form and what TensorFlow answers: `keras_models.py FOLDER IMAGES LABELS`.

Made are `load.h5` (a sequential network with a Normalization layer), `fashion.keras` (a
convolutional network for the pictures in IMAGES, gzipped IDX), `fashion.tflite` and
`fashion-int8.tflite`, `weather.keras` (two inputs, one of them whole numbers; LSTM, GRU and
attention; two outputs), and `zones`, a SavedModel with two signatures, one of which looks texts
up. Hostile ones stand in `hostile`.
"""

import gzip
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
logging.disable(logging.WARNING)
for taken_along in ("sklearn", "pandas", "pyarrow", "scipy"):  # half of the start of Keras
    sys.modules[taken_along] = None  # type: ignore[assignment]

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

ROWS, SEED, TRAINED = 1000, 20261122, 2000
Arrays = Mapping[str, Any]
layers, ops = keras.layers, keras.ops


def keep(folder: Path, name: str, inputs: Arrays, outputs: Arrays) -> None:
    """Inputs and outputs as UTF-8 where they are texts."""
    for side, arrays in (("inputs", inputs), ("outputs", outputs)):
        plain: dict[str, Any] = {key: np.asarray(one) for key, one in arrays.items()}
        np.savez(folder / f"{name}-{side}.npz", **plain)


def fitted(model: Any, loss: Any, inputs: Any, wanted: Any) -> Any:
    model.compile("adam", loss)
    model.fit(inputs, wanted, epochs=2, batch_size=64, verbose=0)
    return model


def load_model(folder: Path, random: np.random.Generator) -> None:
    table = (
        random.normal(size=(ROWS, 6)) * [10, 3, 1, 5, 200, 40] + [15, 4, 0, 12, 950, 60]
    ).astype("f4")
    wanted = table @ np.array([2, -1, 5, 0.5, 0.01, -0.1]) + np.maximum(table[:, 0] - 20, 0)
    scaled = layers.Normalization()
    scaled.adapt(table)
    hidden = [layers.Dense(32, activation="gelu"), layers.BatchNormalization(), layers.Dropout(0.1)]
    model = keras.Sequential(
        [keras.Input((6,), name="weather"), scaled, *hidden, layers.Dense(1, name="load")]
    )
    fitted(model, "mse", table, wanted)
    model.save(folder / "load.h5")
    keep(folder, "load", {"weather": table}, {"load": model.predict(table, verbose=0)})


def fashion_model(folder: Path, images: Path, labels: Path) -> None:
    pictures = np.frombuffer(gzip.decompress(images.read_bytes())[16:], np.uint8)
    pictures = pictures.reshape(-1, 28, 28, 1)[: TRAINED + ROWS].astype("f4")
    wanted = np.frombuffer(gzip.decompress(labels.read_bytes())[8:], np.uint8)[:TRAINED]
    image = keras.Input((28, 28, 1), name="image")
    first = layers.Rescaling(1 / 127.5, -1)(image)
    first = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(first)
    first = layers.ReLU(6.0)(layers.BatchNormalization()(first))
    again = layers.Conv2D(8, 1, activation="swish")(
        layers.DepthwiseConv2D(3, padding="same")(first)
    )
    joined = layers.SeparableConv2D(16, 3, activation="relu")(layers.Add()([first, again]))
    pooled = layers.GlobalAveragePooling2D()(layers.MaxPooling2D()(joined))
    model = keras.Model(image, layers.Dense(10, activation="softmax", name="kind")(pooled))
    fitted(model, "sparse_categorical_crossentropy", pictures[:TRAINED], wanted)
    model.save(folder / "fashion.keras")
    asked = pictures[TRAINED:]
    keep(folder, "fashion", {"image": asked}, {"kind": model.predict(asked, verbose=0)})
    lite(folder, "fashion-lite", model, asked)
    lite(folder, "fashion-int8", model, asked, pictures[:100])


def lite(folder: Path, name: str, model: Any, asked: Any, seen: Any = None) -> None:
    """As TFLite, in whole numbers where pictures to find their range are given."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if seen is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([one[None]] for one in seen)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
        asked = asked.astype(np.uint8)
    content = converter.convert()
    (folder / f"{name}.tflite").write_bytes(content)
    keep_lite(folder, name, content, {"image": asked})


def keep_lite(folder: Path, name: str, content: bytes, inputs: Arrays) -> None:
    """What TensorFlow's own interpreter answers; steps as the real numbers they stand for."""
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (asked,), (given,) = inputs.values(), interpreter.get_input_details()
    (answer,) = interpreter.get_output_details()
    found = []
    for one in asked:
        interpreter.set_tensor(given["index"], one[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(answer["index"])[0])
    scale, zero = answer["quantization"]
    outputs = np.array(found)
    if scale:
        outputs = ((outputs.astype("f8") - zero) * scale).astype("f4")
    called = interpreter.get_signature_list()["serving_default"]["outputs"][0]
    keep(folder, name, inputs, {called: outputs, "step": np.float32(scale)})


def weather_model(folder: Path, random: np.random.Generator) -> None:
    words, hours = random.integers(0, 50, (ROWS, 12)), random.normal(size=(ROWS, 24, 3))
    inputs = {"words": words.astype("i4"), "hours": hours.astype("f4")}
    read = keras.Input((12,), dtype="int32", name="words")
    seen = keras.Input((24, 3), name="hours")
    known = layers.LSTM(8)(layers.Embedding(50, 8, mask_zero=True)(read))
    past = layers.Bidirectional(layers.GRU(6, return_sequences=True))(
        layers.Conv1D(6, 3, padding="causal", activation="relu")(seen)
    )
    past = layers.LayerNormalization()(past + layers.MultiHeadAttention(2, 6)(past, past))
    joined = layers.Concatenate()([known, layers.GlobalAveragePooling1D()(past)])
    answers = {
        "load": layers.Dense(1, name="load")(joined),
        "kind": layers.Dense(3, activation="softmax", name="kind")(joined),
    }
    model = keras.Model([read, seen], answers)
    wanted = {"load": hours.sum((1, 2))[:, None], "kind": random.integers(0, 3, ROWS)}
    fitted(model, {"load": "mse", "kind": "sparse_categorical_crossentropy"}, inputs, wanted)
    model.save(folder / "weather.keras")
    keep(folder, "weather", inputs, model.predict(inputs, verbose=0))


class Zones(tf.Module):  # type: ignore[misc]
    """A table that stands in an asset file, and a line behind it."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        whole = tf.lookup.TextFileIndex
        filled = tf.lookup.TextFileInitializer(
            str(vocabulary), tf.string, whole.WHOLE_LINE, tf.int64, whole.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(filled, -1)
        self.each = tf.Variable([50.0, 120.0, 300.0, 7.0])

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[
            tf.TensorSpec([None], tf.string, name="zone"),
            tf.TensorSpec([None, 2], tf.float32, name="hours"),
        ]
    )
    def grams(self, zone: Any, hours: Any) -> Any:
        base = tf.gather(self.each, self.table.lookup(zone) + 1)
        return {"grams": base * tf.reduce_sum(hours, axis=1)}

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec([None, 2], tf.float32, name="hours")]
    )
    def total(self, hours: Any) -> Any:
        return {"total": tf.reduce_sum(hours, axis=1)}


def saved_model(folder: Path, random: np.random.Generator) -> None:
    vocabulary = folder / "zones.txt"
    vocabulary.write_text("DE\nFR\nCN-BJ\n", encoding="utf-8")
    module = Zones(vocabulary)
    signatures = {"serving_default": module.grams, "total": module.total}
    tf.saved_model.save(module, str(folder / "zones"), signatures=signatures)
    zones = random.choice(["DE", "FR", "CN-BJ", "Ümland", ""], ROWS)
    hours = random.normal(size=(ROWS, 2)).astype("f4")
    said = module.grams(tf.constant(zones), tf.constant(hours))
    inputs = {"zone": np.array([one.encode() for one in zones]), "hours": hours}
    keep(folder, "zones", inputs, said)
    keep(folder, "zones-total", {"hours": hours}, module.total(tf.constant(hours)))


@keras.saving.register_keras_serializable("ours")
class Doubled(keras.layers.Layer):  # type: ignore[misc]
    def call(self, given: Any) -> Any:
        return 2 * given


def hostile(folder: Path) -> None:
    """What nobody should be able to bring in."""
    folder.mkdir()

    def small(*more: Any) -> Any:
        return keras.Sequential([keras.Input((3,)), layers.Dense(2), *more])

    small(layers.Lambda(lambda x: x * 2, name="twice")).save(folder / "lambda.keras")
    small(layers.Lambda(lambda x: x * 2, name="twice")).save(folder / "lambda.h5")
    small(Doubled(name="doubled")).save(folder / "registered.keras")
    small().save(folder / "whole.h5")
    small().save_weights(folder / "alone.weights.h5")
    (folder / "cut.h5").write_bytes((folder / "whole.h5").read_bytes()[:-3000])
    with h5py.File(folder / "whole.h5", "r+") as file:
        file["model_weights"]["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")
    (folder / "whole.h5").rename(folder / "linked.h5")

    module = tf.Module()
    module.ask = tf.function(
        lambda x: tf.py_function(lambda y: y + 1, [x], tf.float32),
        input_signature=[tf.TensorSpec([None], tf.float32, name="x")],
    )
    tf.saved_model.save(module, str(folder / "python"), signatures=module.ask)


def main(folder: Path, images: Path, labels: Path, outside: Path) -> None:
    keras.utils.set_random_seed(SEED)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    random = np.random.default_rng(SEED)
    load_model(folder, random)
    fashion_model(folder, images, labels)
    weather_model(folder, random)
    saved_model(folder, random)
    hostile(folder / "hostile")
    sounds = {"input_1": random.normal(size=(ROWS, 76, 32, 1)).round(3).astype("f4")}
    keep_lite(folder, "embedding", outside.read_bytes(), sounds)


if __name__ == "__main__":
    made: Callable[..., None] = main
    made(*map(Path, sys.argv[1:]))
