"""What ONNX Runtime itself answers to models that packages carry: `onnx_models.py FOLDER`.

Asked are `magika` (which kind of file some bytes are), the text-direction classifier of `rapidocr`
(images), and `silero-vad` (whether somebody speaks; its state goes from one call to the next).
Of the packages only the models are read.
"""

import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

ROWS, KEPT, SAMPLES, RATE = 1000, 1024, 512, 16_000
MODELS = {
    "magika": ("magika", "standard_v3_3/model.onnx"),
    "direction": ("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    "silero": ("silero-vad", "data/silero_vad.onnx"),
}


def carried(package: str, ending: str) -> Path:
    found = [one.locate() for one in files(package) or () if str(one).endswith(ending)]
    return Path(str(found[0]))


def session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def beginnings_and_ends() -> Any:
    """Pieces of this Python's own files, as magika takes them: 256 where a file is shorter."""
    random = np.random.default_rng(3)
    listed = sorted(Path(sys.base_prefix, "lib").rglob("*"))
    paths = [one for one in listed if one.is_file() and one.stat().st_size > 8]
    made = np.full((ROWS, 2 * KEPT), 256, dtype=np.int32)
    for row, at in enumerate(random.integers(0, len(paths), ROWS)):
        content = np.frombuffer(paths[at].read_bytes()[: 2**20], np.uint8)
        head, tail = content[:KEPT], content[-KEPT:]
        made[row, : len(head)] = head
        made[row, 2 * KEPT - len(tail) :] = tail
    return made


def asked(path: Path, name: str, values: Any) -> dict[str, Any]:
    """Each row alone."""
    loaded = session(path)
    names = [one.name for one in loaded.get_outputs()]
    parts = [loaded.run(None, {name: values[at : at + 1]}) for at in range(ROWS)]
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def spoken(path: Path) -> tuple[Any, Any, Any]:
    """Sounds whose loudness and pitch wander, the chances of speech, and the state at the end."""
    random = np.random.default_rng(5)
    loaded, state = session(path), np.zeros((2, 1, 128), dtype=np.float32)
    time = np.arange(ROWS * SAMPLES) / RATE
    pitch = 140 + 60 * np.sin(2 * np.pi * 0.31 * time)
    voice = sum(np.sin(2 * np.pi * k * np.cumsum(pitch) / RATE) / k for k in range(1, 12))
    loud = np.clip(np.sin(2 * np.pi * 0.23 * time), 0, None) * np.abs(np.sin(2 * np.pi * 3 * time))
    sound = 0.2 * voice * loud + 0.003 * random.standard_normal(len(time))
    chunks = sound.astype(np.float32).reshape(ROWS, 1, SAMPLES)
    chances = []
    for chunk in chunks:
        feed = {"input": chunk, "state": state, "sr": np.array(RATE, dtype=np.int64)}
        chance, state = loaded.run(["output", "stateN"], feed)
        chances.append(chance)
    return chunks, np.concatenate(chances), state


def main(folder: Path) -> None:
    for name, (package, ending) in MODELS.items():
        (folder / f"{name}.onnx").write_bytes(carried(package, ending).read_bytes())
    images = np.random.default_rng(4).uniform(-1, 1, (ROWS, 3, 48, 192)).astype(np.float32)
    for name, tensor, values in (
        ("magika", "bytes", beginnings_and_ends()),
        ("direction", "x", images),
    ):
        np.savez(folder / f"{name}-inputs.npz", allow_pickle=False, **{tensor: values})
        np.savez(
            folder / f"{name}-outputs.npz",
            allow_pickle=False,
            **asked(folder / f"{name}.onnx", tensor, values),
        )
    chunks, chances, state = spoken(folder / "silero.onnx")
    np.savez(folder / "silero.npz", chunks=chunks, chances=chances, state=state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
