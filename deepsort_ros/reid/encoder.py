"""From boxes in an image to appearance features."""
from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import engines
from deepsort_ros.reid.engines import Engine
from deepsort_ros.reid.files import CheckpointError
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.model import COLOR_ORDERS
from deepsort_ros.reid.model import Model
from deepsort_ros.reid.model import NORMALISATIONS
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.preprocess import crop_bounds
from deepsort_ros.reid.preprocess import cut
from deepsort_ros.reid.preprocess import keep
from deepsort_ros.reid.preprocess import normalise
from deepsort_ros.reid.preprocess import put
from deepsort_ros.reid.preprocess import scaling
from deepsort_ros.reid.preprocess import showing

__all__ = ['CheckpointError', 'Encoder', 'ModelError']

# A bucket may be filled up by this share; beyond it two smaller batches are faster: on two cores a
# batch takes 4 ms and 10 more for each crop.
MAX_PADDING = 0.2
# Crops of the batch that is timed.
TIMED = 8
# On an NPU one batch of any size is faster than two.
NPU_PADDING = 1.0


class Encoder:
    """
    A model behind an engine; build it with :meth:`create`.

    One thread at a time may call it, any thread. What else is in a batch does not change a
    feature.

    :ivar model: what it takes and gives.
    :ivar device: where it runs, such as Ascend, GPU or CPU.
    :ivar device_note: a sentence when that, or the precision, is not what was asked for; else ''.
    :ivar feature_size: D, length of a feature.
    :ivar timed: crops of a batch and the seconds it took, None before :meth:`warm_up`.
    """

    def __init__(self, model: Model, engine_name: str, engine: Engine,
                 batch_buckets: Sequence[int]) -> None:
        """Take a model on an engine; see :meth:`create`."""
        self.model = model
        self.device = engine.device
        self.device_note = engine.note
        self.feature_size = model.feature_size
        self.timed: tuple[int, float] | None = None
        self._engine_name = engine_name
        self._engine = engine
        self._most = batch_buckets[-1]
        self._buckets = engine.batches
        self._scale, self._offset = scaling(model.mean, model.std)
        # Reused by every batch: crops in RGB order, and what the network is fed.
        largest = self._buckets[-1] if self._buckets else self._most
        self._crops = np.zeros((largest, model.height, model.width, 3), dtype=np.uint8)
        shape = ((3, model.height, model.width) if model.layout == 'NCHW'
                 else (model.height, model.width, 3))
        self._images = np.zeros((largest, *shape), dtype=np.float32)
        # The same memory, as (N, 3, H, W).
        self._planes = self._images if model.layout == 'NCHW' else self._images.transpose(
            0, 3, 1, 2)
        if not self.feature_size:
            # The file leaves the length of a feature open.
            size = self._buckets[0] if self._buckets else 1
            self.feature_size = self._run(size).shape[1]

    @classmethod
    def create(cls, model: str, device: str = 'auto', device_id: int = 0,
               precision: str = 'auto', batch_buckets: Sequence[int] = (1, 2, 4, 8, 16, 32),
               color_order: str = 'auto', engine: str = 'auto',
               normalisation: str = 'auto',
               progress: Callable[[str], object] = lambda text: None) -> Encoder:
        """
        Load a model onto a device.

        :param model: ``bundled``, ``hub``, or the path of a checkpoint, ``.mindir`` or ``.onnx``.
        :param device: ``auto``, ``Ascend``, ``GPU``, ``CPU``, or an execution provider of ONNX
            Runtime; the CPU stands in, with a warning, for a device that is not there.
        :param precision: ``fp32``, ``fp16`` on Ascend and GPU, or ``auto``: fp16 on Ascend.
        :param batch_buckets: batch sizes to compile for; batches are padded to the next one. An
            engine that compiles for no size takes as many as there are, up to the last of them.
        :param color_order: ``rgb`` or ``bgr``, the order the network is fed; ``auto``: as the
            model says.
        :param engine: one of :data:`deepsort_ros.reid.engines.ENGINES`, or ``auto``.
        :param normalisation: one of :data:`deepsort_ros.reid.model.NORMALISATIONS`, or ``auto``:
            as the model says.
        :param progress: called with a line of text when a device takes long to answer.
        :raises ModelError: the model cannot be used; CheckpointError or EngineError where the
            checkpoint or the engine is at fault.
        :raises DeviceError: no device can run it.
        :raises ValueError: an argument has no meaning.
        """
        for name, value, known in (
                ('precision', precision, ('auto', 'fp32', 'fp16')),
                ('color_order', color_order, ('auto', *COLOR_ORDERS)),
                ('normalisation', normalisation, ('auto', *NORMALISATIONS)),
                ('engine', engine, ('auto', *engines.ENGINES))):
            if value not in known:
                raise ValueError(f'{name}: {value!r} is not one of {", ".join(known)}')
        if not batch_buckets or min(batch_buckets) < 1:
            raise ValueError(f'batch_buckets: {list(batch_buckets)} holds no sizes from 1')
        buckets = tuple(sorted(batch_buckets))
        described = read_model(model, color_order, normalisation)
        name = engines.choose(engine, described)
        loaded = engines.load(
            name, described, engines.Options(device, device_id, precision, buckets, progress))
        # The engine has the weights now.
        return cls(dataclasses.replace(described, parameters=None), name, loaded, buckets)

    @property
    def batch_buckets(self) -> tuple[int, ...]:
        """Return the batch sizes, ascending; empty: any up to the largest."""
        return self._buckets

    @property
    def input_size(self) -> tuple[int, int]:
        """Return height and width of a crop, pixels."""
        return self.model.height, self.model.width

    @property
    def gives_memory_back(self) -> bool:
        """Return whether dropping it frees its memory."""
        return self._engine.gives_memory_back

    @property
    def max_cosine_distance(self) -> float:
        """Return what the model recommends for the tracker, 0 for nothing."""
        return self.model.max_cosine_distance

    def describe(self) -> dict[str, Any]:
        """Return engine, device, model and what it takes and gives, by name."""
        model = self.model
        return {'device': self.device, 'device_note': self.device_note,
                'engine': self._engine_name, 'model': str(model.path), 'sha256': model.sha256,
                'architecture': model.architecture,
                'input': f'{model.height}x{model.width} {model.layout}',
                'color_order': model.color_order, 'feature_size': self.feature_size,
                'max_cosine_distance': model.max_cosine_distance,
                'precision': self._engine.precision, 'batch_buckets': self._buckets}

    def warm_up(self, progress: Callable[[str], None] | None = None) -> None:
        """
        Compile the network for every bucket, seconds each, or run it once; time a batch.

        :param progress: called with a line of text before each bucket; what it raises ends the
            warm-up and reaches the caller.
        """
        for bucket in self._buckets:
            if progress is not None:
                progress(f'compiling the appearance network for batches of {bucket}')
            self._run(bucket)
        if not self._buckets:
            self._run(1)
        size = max((b for b in self._buckets if b <= TIMED), default=min(self._most, TIMED))
        started = time.perf_counter()
        self._run(min(size, len(self._images)))
        self.timed = size, time.perf_counter() - started

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
               encoding: str = 'bgr8',
               kept: Collection[NDArray[np.uint8]] = ()) -> NDArray[np.float32]:
        """
        Return the (N + K, D) float32 unit features of N boxes, then of K crops kept.

        A box shows the pixels whose centres it covers; outside the image there are none. Rows
        of boxes without a pixel are NaN.

        :param image: (H, W, 3) uint8, any strides; it is not copied.
        :param tlwh: (N, 4) float64, left, top, width, height in pixels; may leave the image.
        :param encoding: ``bgr8`` or ``rgb8``, the channel order of the image.
        :param kept: of :meth:`keep`.
        :raises ValueError: the image, the boxes or the encoding are of another kind.
        """
        _check(image, tlwh, encoding)
        bounds = crop_bounds(tlwh, image.shape[0], image.shape[1])
        shown = showing(bounds)
        features = np.full((len(tlwh) + len(kept), self.feature_size), np.nan, dtype=np.float32)
        order = np.append(shown, np.arange(len(tlwh), len(features)))
        waiting = list(kept)
        start = 0
        for size, bucket in self._batches(len(order)):
            rows = order[start:start + size]
            start += size
            own = rows[rows < len(tlwh)]
            cut(image, bounds[own], encoding, self._crops[:len(own)])
            late = size - len(own)
            put(waiting[:late], self._crops[len(own):size])
            del waiting[:late]
            features[rows] = self._features(size, bucket)
        return features

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str = 'bgr8') -> list[NDArray[np.uint8] | None]:
        """
        Return what N boxes show, None for no pixel, for :meth:`encode` to describe later.

        Arguments and errors as of :meth:`encode`. A crop has the size of the network's input,
        whatever its box: 24 KiB for 128 x 64.
        """
        _check(image, tlwh, encoding)
        return keep(image, tlwh, encoding, self.input_size)

    def _batches(self, count: int) -> Iterator[tuple[int, int]]:
        if self._buckets:
            return batches(count, self._buckets, NPU_PADDING if self.device == 'Ascend'
                           else MAX_PADDING)
        sizes = [min(self._most, count - start) for start in range(0, count, self._most)]
        return iter([(size, size) for size in sizes])

    def _features(self, size: int, bucket: int) -> NDArray[np.float32]:
        """Return (size, D) unit rows for the first crops, computed in a batch of a bucket."""
        # What is left of earlier batches in the padding rows changes no other row.
        normalise(self._crops[:size], self.model.color_order == 'bgr', self._planes[:size],
                  self._scale, self._offset)
        raw = self._run(bucket)[:size]
        length = np.sqrt(np.sum(raw * raw, axis=1, keepdims=True))
        if size and not (np.isfinite(length) & (length > 0)).any():
            raise ModelError(f'{self.model.path}: all {size} features are NaN, infinite or zero; '
                             'is the file damaged, or the normalisation another?')
        return np.asarray(raw / np.maximum(length, np.float32(1e-12)), dtype=np.float32)

    def _run(self, bucket: int) -> NDArray[np.float32]:
        """Return the (bucket, D) features of the first images, of any length."""
        output = self._engine.run(self._images[:bucket])
        if output.ndim < 2 or output.shape[0] != bucket or math.prod(
                output.shape[1:]) != (self.feature_size or output.shape[1]):
            raise ModelError(
                f'{self.model.path}: from images of shape {self._images[:bucket].shape} it makes '
                f'{output.shape}, not ({bucket}, {self.feature_size or "D"}), one feature for '
                'each image')
        return np.asarray(output.reshape(bucket, -1), dtype=np.float32)


def _check(image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'image: {image.dtype} of shape {image.shape} is not (H, W, 3) uint8')
    if encoding not in ('bgr8', 'rgb8'):
        raise ValueError(f'encoding: {encoding!r} is not one of bgr8, rgb8')
    if tlwh.ndim != 2 or tlwh.shape[1] != 4:
        raise ValueError(f'tlwh: shape {tlwh.shape} is not (N, 4)')


def batches(count: int, buckets: Sequence[int],
            padding: float = MAX_PADDING) -> Iterator[tuple[int, int]]:
    """
    Split a number of crops into batches.

    :param buckets: ascending batch sizes.
    :param padding: share of a bucket that may be left empty where two smaller ones would do.
    :returns: pairs of how many crops, and the bucket they go into.
    """
    while count > 0:
        fitting = next((b for b in buckets if b >= count), None)
        smaller = [b for b in buckets if b <= count]
        if fitting is not None and (not smaller or fitting - count <= padding * fitting):
            yield count, fitting
            return
        yield smaller[-1], smaller[-1]
        count -= smaller[-1]
