"""The three lines of the how-to, at home: `nltk_as_json.py FOLDER PICKLE SOURCE`.

SOURCE is where this package stands, which that Python does not have installed.
"""

import pickle
import sys
from pathlib import Path


def main(folder: Path, path: Path, source: str) -> None:
    sys.path.append(source)
    from lichen.frameworks.importing.language.nltk_document import as_json

    classifier = pickle.loads(path.read_bytes())  # noqa: S301 - made by this very suite
    (folder / "bayes.json").write_text(as_json(classifier), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
