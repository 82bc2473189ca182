"""Write the appearance network in the formats of MindSpore: MindIR, AIR."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepsort_ros.reid import checkpoint
from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.cells import create_cell
from deepsort_ros.reid.device import DeviceError
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.export import ExportError
from deepsort_ros.reid.onnx_graph import SMALLEST_LENGTH
from deepsort_ros.reid.runtime import ms
from deepsort_ros.reid.runtime import nn
from deepsort_ros.reid.runtime import ops


class UnitNetwork(nn.Cell):
    """Images (N, 3, H, W) to unit features (N, D)."""

    def __init__(self, network: Any) -> None:
        """Take a network that returns features of any length."""
        super().__init__()
        self.network = network

    def construct(self, images: Any) -> Any:
        """Return unit rows."""
        feature = self.network(images)
        length = ops.sqrt((feature * feature).sum(1, keepdims=True))
        return feature / ops.maximum(length, ms.Tensor(SMALLEST_LENGTH, ms.float32))


def write_mindspore(architecture: Architecture, folded: checkpoint.Parameters, path: Path,
                    batch: int, device: str, device_id: int) -> None:
    """
    Write folded weights as MindIR or AIR; the arguments are those of :func:`.export.export`.

    :raises ExportError: the format cannot be written.
    :raises DeviceError: no device can run the network.
    """
    kind = path.suffix[1:].upper()
    try:
        used, _ = select_device(device, device_id)
    except ValueError as error:
        raise DeviceError(str(error)) from error
    if kind == 'AIR' and used != 'Ascend':
        raise ExportError(f'AIR can be written on Ascend only, this is {used}')
    if kind == 'AIR' and not batch:
        raise ExportError('AIR needs a fixed batch')
    network = create_cell(architecture, folded=True)
    checkpoint.assign(network, folded)
    network = UnitNetwork(network)
    network.set_train(False)
    size = (3, architecture.height, architecture.width)
    images = ms.Tensor(shape=[batch or None, *size], dtype=ms.float32)
    if batch:
        images = ms.Tensor(np.zeros((batch, *size), dtype=np.float32))
    ms.export(network, images, file_name=str(path.with_suffix('')), file_format=kind)
