"""What OpenCV answers to a network of Caffe: `caffe.py FOLDER NETWORK IMAGES`.

NETWORK is a folder with a prototxt and a caffemodel; IMAGES is Fashion-MNIST's file of test images,
of which the first 1000 are asked.
"""

import gzip
import sys
from pathlib import Path

import cv2
import numpy as np

ROWS, SIDE, HEADER = 1000, 28, 16


def main(folder: Path, network: Path, images: Path) -> None:
    cv2.setNumThreads(1)
    (described,), (weights,) = network.glob("*.prototxt"), network.glob("*.caffemodel")
    net = cv2.dnn.readNetFromCaffe(str(described), str(weights))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=HEADER)
    asked = pixels.reshape(-1, 1, SIDE, SIDE)[:ROWS].astype(np.float32)
    net.setInput(asked)
    np.savez(folder / "inputs.npz", data=asked)
    np.savez(folder / "outputs.npz", prob=net.forward())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
