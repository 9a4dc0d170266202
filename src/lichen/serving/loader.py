"""From a deployment to a predictor: read the version's files and make what they are."""

import gc
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from lichen.core.errors import InvalidInput, LichenError
from lichen.core.ids import ModelReference
from lichen.core.tensors import Signature
from lichen.frameworks.alternatives import cheapest_form, on_cuda_if_it_gains
from lichen.frameworks.base import Predictor
from lichen.frameworks.language.residents import RUNTIME_FILE
from lichen.frameworks.onnx import MODEL_FILE, OnnxAdapter
from lichen.frameworks.openvino_ir import IR_FILE, IR_FILES, IrAdapter
from lichen.frameworks.runtimes import Choice
from lichen.pipeline.files import PIPELINE_FILE
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Manifest
from lichen.serving.deployment import Deployment
from lichen.serving.forecaster import FORECAST_FILE, FORECASTER_FILES, ForecastAdapter
from lichen.serving.guests.main import PREDICTOR_FILE
from lichen.serving.guests.starting import Guests
from lichen.serving.pipelines import PipelineAdapter, pipeline_file_names
from lichen.serving.residency.workshop import Stored
from lichen.serving.threads import ONE_THREAD, custom_with_threads, onnx_with_threads

_log = logging.getLogger(__name__)
_CUDA_IS_FOR = "device cuda is for ONNX models with one thread: leave out device or threads"


class Loader:
    """Loads versions from the registry; what needs a process of its own becomes a guest."""

    def __init__(
        self,
        catalog: Catalog,
        compiled: Path | None = None,
        guests: Guests | None = None,
        chosen: Sequence[Choice] = (),
    ) -> None:
        """Take the registry, the folder of code that this machine compiled, and who makes guests.

        Without a folder nothing is compiled; without guests only what runs in this process loads.
        `chosen` are the forms that an earlier loading chose; without it they are measured.
        """
        self._catalog = catalog
        self._chosen = chosen
        self._compiled = compiled
        self._guests = guests

    def load(self, deployment: Deployment) -> Predictor:
        """The predictor of a deployment's version.

        Raises:
            NotFound: there is no such version.
            Corrupt: a file is damaged.
            InvalidInput: the files are no model that can be served.
            Forbidden: it brings code of its own, and this platform runs none.
        """
        manifest = self._catalog.resolve(_reference(deployment))
        files = {name: self._catalog.read(manifest, name) for name in needed_files(manifest)}
        for file, load in (
            (PREDICTOR_FILE, self._custom),
            (RUNTIME_FILE, self._resident),
            (FORECAST_FILE, self._forecaster),
            (PIPELINE_FILE, self._pipeline),
            (IR_FILE, self._openvino),
        ):
            if file in files:
                return load(deployment, files, manifest.signature)
        return self._onnx(deployment, files, manifest.signature)

    def _custom(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        if deployment.device == "cuda":
            raise InvalidInput("code of its own chooses its device itself: leave device out")
        return custom_with_threads(self._house(), deployment, (files, signature))

    def _resident(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        if deployment.device == "cuda" or deployment.threads not in ONE_THREAD:
            raise InvalidInput(
                "its runtime computes with one thread on the CPU: leave device and threads out"
            )
        return self._house().resident(deployment.name, files, signature)

    def _openvino(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        if deployment.device == "cuda" or deployment.threads not in ONE_THREAD:
            raise InvalidInput(
                "OpenVINO computes with one thread on the CPU: leave device and threads out"
            )
        return IrAdapter().load(files, signature)

    def _forecaster(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        if deployment.device == "cuda":
            raise InvalidInput(_CUDA_IS_FOR)
        if deployment.threads not in ONE_THREAD:
            raise InvalidInput("a forecaster computes with one thread: leave threads out")
        return ForecastAdapter().load(files, signature)

    def _onnx(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        if deployment.device == "cuda":
            return self._on_cuda(deployment, files, signature)

        def alone() -> Predictor:
            return self._by_measurement(deployment, files, signature)

        if deployment.threads in ONE_THREAD:
            return alone()
        return onnx_with_threads(self._house(), deployment, (files, signature), alone)

    def _pipeline(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature
    ) -> Predictor:
        """Encoders and head in this process, the core on whatever it is asked or measured to be."""
        if deployment.threads not in ONE_THREAD:
            raise InvalidInput("a pipeline computes with one thread: leave threads out")

        def core(content: bytes) -> Predictor:
            alone = {MODEL_FILE: content}
            if deployment.device == "cuda":
                return self._on_cuda(deployment, alone, None)
            return self._by_measurement(deployment, alone, None)

        return PipelineAdapter(core).load(files, signature)

    def _by_measurement(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature | None
    ) -> Predictor:
        """On whatever costs least here: a GPU or this thread, and then in the cheapest form."""
        adapter = OnnxAdapter()
        first = adapter.load(files, signature)
        if deployment.device == "auto":
            served = on_cuda_if_it_gains(first, lambda: adapter.load(files, signature, "cuda"))
            if served is not None:
                return served
        return cheapest_form(files[MODEL_FILE], first, self._compiled, self._chosen)

    def _on_cuda(
        self, deployment: Deployment, files: Mapping[str, bytes], signature: Signature | None
    ) -> Predictor:
        if deployment.threads not in ONE_THREAD:
            raise InvalidInput(_CUDA_IS_FOR)
        served = OnnxAdapter().load(files, signature, "cuda")
        _log.info("%s computes on cuda", deployment.name)
        return served

    def _house(self) -> Guests:
        if self._guests is None:
            raise InvalidInput("it needs a process of its own, which only the data plane starts")
        return self._guests

    def stored(self, deployment: Deployment) -> Stored:
        """How large the files are that it needs, and when they last changed."""
        size_bytes, stamp = 0, []
        try:
            manifest = self._catalog.resolve(_reference(deployment))
        except LichenError:
            return Stored()
        for name in needed_files(manifest):
            try:
                status = self._catalog.path(manifest, name).stat()
            except (LichenError, OSError):
                stamp.append((name, 0, 0, 0))
                continue
            size_bytes += status.st_size
            stamp.append((name, status.st_ino, status.st_size, status.st_mtime_ns))
        return Stored(size_bytes, tuple(stamp))


def _reference(deployment: Deployment) -> ModelReference:
    return ModelReference(deployment.model, str(deployment.version))


def needed_files(manifest: Manifest) -> tuple[str, ...]:
    """The files of a version that its predictor is made from."""
    if manifest.file(PREDICTOR_FILE) or manifest.file(RUNTIME_FILE):
        return tuple(file.name for file in manifest.files)
    if manifest.file(PIPELINE_FILE) is not None:
        return pipeline_file_names([file.name for file in manifest.files])
    if manifest.file(IR_FILE) is not None:
        return IR_FILES
    is_forecaster = manifest.file(FORECAST_FILE) is not None
    return FORECASTER_FILES if is_forecaster else (MODEL_FILE,)


def settle_memory() -> None:
    """Take what was loaded at start out of the garbage collector's sight: it stays."""
    gc.collect()
    gc.freeze()
