"""Classifiers of images of a folder: ViT, ResNet, MobileNet and others, by PyTorch's exporter."""

import json
from dataclasses import replace
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.importing.conversion import Conversion, TensorWish, Wishes
from lichen.frameworks.importing.huggingface.answering import answered_classes, labels_of
from lichen.frameworks.importing.huggingface.folder import Folder
from lichen.frameworks.importing.pytorch.exported import converted_program, exported_anew
from lichen.frameworks.importing.pytorch.tensors import wished
from lichen.pipeline.declaration import Classes, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature

PIXELS = "pixels"
_PREPROCESSOR = "preprocessor_config.json"
_USUAL = 224


def classified_images(
    torch: Any,  # noqa: ANN401 - torch's own types
    folder: Folder,
    model: Any,  # noqa: ANN401 - of transformers
    wishes: Wishes,
) -> Conversion:
    """`pixels` FP32 `(rows, channels, height, width)` in, `prediction` and `probability` out.

    Raises:
        InvalidInput: PyTorch cannot export it.
    """

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: Any) -> Any:  # noqa: ANN401 - torch's own types
            return {"logits": self.model(pixel_values=pixels).logits}

    shape = wishes.inputs[0].shape if wishes.inputs else _shape(folder)
    taken = wished((TensorWish(name=PIXELS, datatype=Datatype.FP32, shape=shape),))
    program = exported_anew(torch, Logits().eval(), taken)
    made = converted_program(torch, program, folder.source.name, folder.architecture)
    return _told(folder, made, labels_of(folder, wishes, made.trial.outputs["logits"].shape[1]))


def _shape(folder: Folder) -> tuple[int, ...]:
    side = folder.config.get("image_size") or _processed(folder)
    sides = side if isinstance(side, list) else [side, side]
    sizes = [one for one in (folder.config.get("num_channels", 3), *sides) if type(one) is int]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput(
            f"the folder does not say how large its images are: import it with --input "
            f"{PIXELS}:FP32:-1,3,{_USUAL},{_USUAL}"
        )
    return (-1, *sizes)


def _processed(folder: Folder) -> object:
    """The size that its preprocessor makes images of."""
    if not folder.source.has(_PREPROCESSOR):
        return None
    try:
        said = json.loads(folder.source.read(_PREPROCESSOR))
    except ValueError:
        return None
    size = said.get("crop_size") or said.get("size") if isinstance(said, dict) else None
    if isinstance(size, dict):
        if "shortest_edge" in size:
            return size["shortest_edge"]
        return [size.get("height"), size.get("width")]
    return size


def _told(folder: Folder, made: Conversion, labels: list[str]) -> Conversion:
    """Classes by name, around the network that says their scores."""
    import transformers

    pixels, scores = made.trial.inputs[PIXELS], made.trial.outputs["logits"]
    pipeline = Pipeline(tensor=PIXELS, head=Classes(labels=labels))
    shape = (-1, *pixels.shape[1:])
    return replace(
        made,
        files={**made.files, **pipeline_files(pipeline)},
        trial=replace(made.trial, outputs=answered_classes(scores, labels)),
        signature=pipeline_signature(pipeline, TensorSpec(PIXELS, Datatype.FP32, shape)),
        task="image-classification",
        library=f"transformers {transformers.__version__}",
        parameters={**made.parameters, "model_type": folder.kind},
        notes=(
            "pixels are as the model's own preprocessor gives them: resized, and normalised by "
            "its mean and spread",
        ),
    )
