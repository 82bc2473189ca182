"""Write the appearance network in the formats of MindSpore: MindIR, AIR."""
from __future__ import annotations

from pathlib import Path

from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.device import DeviceError
from deepsort_ros.reid.device import select_device
from deepsort_ros.reid.export import ExportError
from deepsort_ros.reid.mindspore_graph import write_graph
from deepsort_ros.reid.weights import Parameters


def write_mindspore(architecture: Architecture, folded: Parameters, path: Path,
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
    write_graph(architecture, folded, path, batch, unit=True)
