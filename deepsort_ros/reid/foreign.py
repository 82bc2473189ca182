"""Files that are often taken for a model: what they are, and what to do instead."""
from __future__ import annotations

from pathlib import Path

TORCH = 'torch.onnx.export writes an .onnx of such a network'
# By suffix.
KINDS = {
    **dict.fromkeys(('.pt', '.pth', '.tar', '.pkl'), f'a file of PyTorch? {TORCH}'),
    '.bin': f'weights without their network. Of OpenVINO? Give the .xml. Of PyTorch? {TORCH}',
    '.safetensors': f'weights without their network; {TORCH}',
    **dict.fromkeys(('.engine', '.plan', '.trt'), 'an engine of TensorRT? Give the .onnx that it '
                    'was made from, with device: TensorRT'),
    **dict.fromkeys(('.tflite', '.pb', '.h5', '.keras', '.rknn', '.om', '.pdmodel', '.caffemodel',
                     '.mlmodel', '.param', '.hef'), 'export the network as .onnx')}
# By the first bytes.
HEADS = ((b'PK\x03\x04', f'a zip archive, as PyTorch writes; {TORCH}'),
         (b'version https://git-lfs', 'a pointer of Git LFS; "git lfs pull" brings the file'),
         (b'<!doctype html', 'a web page; download the file itself'),
         (b'<html', 'a web page; download the file itself'),
         (b'\x1f\x8b', 'compressed by gzip; unpack it first'),
         (b'\x89HDF', 'a file of HDF5, as Keras writes; export the network as .onnx'))
LONGEST = 24


def foreign_suffix(path: Path) -> str:
    """Return what a file of this name is and what to do, '' when nothing is known."""
    return KINDS.get(path.suffix.lower(), '')


def foreign_content(path: Path) -> str:
    """Return what a file holds instead of a model and what to do, '' when nothing is known."""
    with path.open('rb') as file:
        head = file.read(LONGEST)
    if head[8:10] == b'{"' and not any(head[5:8]):
        return KINDS['.safetensors']
    return next((what for start, what in HEADS if head.lower().startswith(start.lower())), '')
