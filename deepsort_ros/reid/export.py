"""
Write the appearance network for other programs: MindIR, AIR, ONNX.

All take ``images`` (N, 3, 128, 64) float32, RGB normalised as
:func:`deepsort_ros.reid.preprocess.normalise` does, and return ``features`` (N, 128) float32 unit
rows.
"""
from __future__ import annotations

import os
from pathlib import Path

from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.files import resolve
from deepsort_ros.reid.folding import fold
from deepsort_ros.reid.model import MINDIR
from deepsort_ros.reid.model import ONNX
from deepsort_ros.reid.model import read_model
from deepsort_ros.reid.model_notes import note
from deepsort_ros.reid.onnx_graph import onnx_model

FORMATS = ('.mindir', '.air', '.onnx')


class ExportError(RuntimeError):
    """The network cannot be written in this format here; the message says why."""


def export(model: str, output: Path, batch: int = 0, device: str = 'auto',
           device_id: int = 0) -> None:
    """
    Write a model, its normalisations folded into the layers before them.

    What the model says about itself is in the metadata of the ONNX file, or in the ``.json``
    beside the ``.mindir``.

    :param model: path of a checkpoint, ``bundled`` or ``hub``.
    :param output: the suffix is the format: ``.onnx``; ``.mindir`` and, on Ascend, ``.air``, which
        need MindSpore.
    :param batch: images per call; 0 leaves it open.
    :raises CheckpointError: the model cannot be used.
    :raises ExportError: the format cannot be written.
    """
    if output.suffix not in FORMATS:
        raise ExportError(f'{output}: the suffix is not one of {", ".join(FORMATS)}')
    path = resolve(model)
    if path.suffix in (ONNX, MINDIR):
        raise ExportError(f'{path}: only checkpoints (*.ckpt) are exported, this is one already')
    described = read_model(model)
    assert described.parameters is not None, 'a checkpoint'
    architecture, folded = recognise(described.parameters), fold(described.parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    # A reader never sees half a file.
    partial = output.with_name(f'.{output.stem}.{os.getpid()}{output.suffix}')
    try:
        if output.suffix == '.onnx':
            partial.write_bytes(onnx_model(architecture, folded, batch, described.metadata()))
        else:
            from deepsort_ros.reid.export_mindspore import write_mindspore
            write_mindspore(architecture, folded, partial, batch, device, device_id)
        partial.chmod(0o644)
        os.replace(partial, output)
        if output.suffix == MINDIR:
            # It has no place for what else there is to say.
            note(str(output), **described.metadata())
    finally:
        partial.unlink(missing_ok=True)
