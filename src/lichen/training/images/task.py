"""The task `image-classification`: from a dataset of images to a pipeline that takes pixels."""

from lichen.protocol.training import ImageClassificationTraining
from lichen.training.images.run import execute
from lichen.training.images.study import study_of
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult


def train_images(asked: ImageClassificationTraining, materials: Materials) -> TrainingResult:
    """Predict the class of an image.

    Raises:
        InvalidInput: the images or what is asked cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled, or does not converge.
        Unavailable: PyTorch is not installed.
    """
    return execute(study_of(asked, materials), materials.watch, materials.gauge)
