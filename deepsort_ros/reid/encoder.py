"""From boxes in an image to appearance features."""
from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.checkpoint import CheckpointError
from deepsort_ros.reid.device import DeviceError
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.network import FEATURE_SIZE
from deepsort_ros.reid.network import HEIGHT
from deepsort_ros.reid.network import WIDTH
from deepsort_ros.reid.preprocess import crop_bounds
from deepsort_ros.reid.preprocess import cut
from deepsort_ros.reid.preprocess import keep
from deepsort_ros.reid.preprocess import normalise
from deepsort_ros.reid.preprocess import showing
from deepsort_ros.reid.runtime import ms

__all__ = ['CheckpointError', 'DeviceError', 'Encoder']

# A bucket may be filled up by this share; beyond it two smaller batches are faster: on two cores a
# batch takes 4 ms and 10 more for each crop.
MAX_PADDING = 0.2

_log = logging.getLogger(__name__)


class Encoder:
    """
    The appearance network behind fixed batch sizes; build it with :meth:`create`.

    One thread at a time may call it, any thread. What else is in a batch does not change a
    feature.

    :ivar device: where it runs: Ascend, GPU or CPU.
    :ivar device_note: a sentence when that, or the precision, is not what was asked for; else ''.
    """

    def __init__(self, parameters: checkpoint.Parameters, *, device: str, device_note: str,
                 precision: str, batch_buckets: Sequence[int], color_order: str,
                 identity: dict[str, str]) -> None:
        """Take parameters as trained; see :meth:`create`."""
        self.device = device
        self.device_note = device_note
        self._precision = precision
        self._buckets = tuple(sorted(batch_buckets))
        self._color_order = color_order
        self._identity = identity
        network = AppearanceNetwork(folded=True)
        checkpoint.assign(network, fold(parameters))
        network.set_train(False)
        if precision == 'fp16':
            network.to_float(ms.float16)

        @ms.jit
        def infer(images: Any) -> Any:
            return network(images)

        self._infer = infer
        # Reused by every batch: crops in RGB order, and what the network is fed.
        largest = self._buckets[-1]
        self._crops = np.zeros((largest, HEIGHT, WIDTH, 3), dtype=np.uint8)
        self._planes = np.zeros((largest, 3, HEIGHT, WIDTH), dtype=np.float32)

    @classmethod
    def create(cls, model: str, device: str = 'auto', device_id: int = 0,
               precision: str = 'fp32', batch_buckets: Sequence[int] = (1, 2, 4, 8, 16, 32),
               color_order: str = 'rgb') -> Encoder:
        """
        Load a model onto a device.

        :param model: path of a checkpoint, ``bundled`` or ``hub``.
        :param device: ``auto``, ``Ascend``, ``GPU`` or ``CPU``; the CPU stands in, with a
            warning, for a device that is not there.
        :param precision: ``fp32``, or ``fp16`` on Ascend and GPU.
        :param batch_buckets: batch sizes to compile for; batches are padded to the next one.
        :param color_order: ``rgb`` or ``bgr``, the order the network is fed.
        :raises CheckpointError: the model cannot be used.
        :raises DeviceError: no device can run it.
        :raises ValueError: an argument has no meaning.
        """
        if precision not in ('fp32', 'fp16'):
            raise ValueError(f'precision: {precision!r} is not one of fp32, fp16')
        if color_order not in ('rgb', 'bgr'):
            raise ValueError(f'color_order: {color_order!r} is not one of rgb, bgr')
        if not batch_buckets or min(batch_buckets) < 1:
            raise ValueError(f'batch_buckets: {list(batch_buckets)} holds no sizes from 1')
        path = checkpoint.resolve(model)
        parameters = checkpoint.feature_parameters(path)
        used, note = select_device(device, device_id)
        if precision == 'fp16' and used == 'CPU':
            precision = 'fp32'
            note = '; '.join(filter(None, (note, 'precision fp16 is not for the CPU; using fp32')))
            _log.warning('precision fp16 is not for the CPU; using fp32')
        return cls(parameters, device=used, device_note=note, precision=precision,
                   batch_buckets=batch_buckets, color_order=color_order,
                   identity={'model': str(path), 'sha256': checkpoint.sha256(path)})

    @property
    def batch_buckets(self) -> tuple[int, ...]:
        """Return the batch sizes, ascending."""
        return self._buckets

    def describe(self) -> dict[str, Any]:
        """Return device, device_note, model, sha256, precision, batch_buckets, color_order."""
        return {'device': self.device, 'device_note': self.device_note, **self._identity,
                'precision': self._precision, 'batch_buckets': self._buckets,
                'color_order': self._color_order}

    def warm_up(self, progress: Callable[[str], None] | None = None) -> None:
        """
        Compile the network for every bucket, seconds each.

        :param progress: called with a line of text before each bucket; what it raises ends the
            warm-up and reaches the caller.
        """
        for bucket in self._buckets:
            if progress is not None:
                progress(f'compiling the appearance network for batches of {bucket}')
            self._features(bucket, bucket)

    def encode(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
               encoding: str = 'bgr8',
               kept: Collection[NDArray[np.uint8]] = ()) -> NDArray[np.float32]:
        """
        Return the (N + K, 128) float32 unit features of N boxes, then of K crops kept.

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
        features = np.full((len(tlwh) + len(kept), FEATURE_SIZE), np.nan, dtype=np.float32)
        order = np.append(shown, np.arange(len(tlwh), len(features)))
        waiting = iter(kept)
        start = 0
        for size, bucket in batches(len(order), self._buckets):
            rows = order[start:start + size]
            start += size
            own = rows[rows < len(tlwh)]
            cut(image, bounds[own], encoding, self._crops[:len(own)])
            for place, crop in zip(self._crops[len(own):size], waiting):
                place[:] = crop
            features[rows] = self._features(size, bucket)
        return features

    def keep(self, image: NDArray[np.uint8], tlwh: NDArray[np.float64],
             encoding: str = 'bgr8') -> list[NDArray[np.uint8] | None]:
        """
        Return what N boxes show, None for no pixel, for :meth:`encode` to describe later.

        Arguments and errors as of :meth:`encode`. A crop takes 24 KiB, whatever its box.
        """
        _check(image, tlwh, encoding)
        return keep(image, tlwh, encoding, (HEIGHT, WIDTH))

    def _features(self, size: int, bucket: int) -> NDArray[np.float32]:
        """Return (size, 128) unit rows for the first crops, computed in a batch of a bucket."""
        # What is left of earlier batches in the padding rows changes no other row.
        normalise(self._crops[:size], self._color_order == 'bgr', self._planes[:size])
        images = ms.Tensor.from_numpy(self._planes[:bucket])
        output = self._infer(images).asnumpy()[:size]
        raw = np.asarray(output, dtype=np.float32)
        length = np.sqrt(np.sum(raw * raw, axis=1, keepdims=True))
        return np.asarray(raw / np.maximum(length, np.float32(1e-12)), dtype=np.float32)


def _check(image: NDArray[np.uint8], tlwh: NDArray[np.float64], encoding: str) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'image: {image.dtype} of shape {image.shape} is not (H, W, 3) uint8')
    if encoding not in ('bgr8', 'rgb8'):
        raise ValueError(f'encoding: {encoding!r} is not one of bgr8, rgb8')
    if tlwh.ndim != 2 or tlwh.shape[1] != 4:
        raise ValueError(f'tlwh: shape {tlwh.shape} is not (N, 4)')


def batches(count: int, buckets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """
    Split a number of crops into batches.

    :param buckets: ascending batch sizes.
    :returns: pairs of how many crops, and the bucket they go into.
    """
    while count > 0:
        fitting = next((b for b in buckets if b >= count), None)
        smaller = [b for b in buckets if b <= count]
        if fitting is not None and (not smaller or fitting - count <= MAX_PADDING * fitting):
            yield count, fitting
            return
        yield smaller[-1], smaller[-1]
        count -= smaller[-1]
