"""What the graph of a model file takes and gives, by its own word."""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from deepsort_ros.reid.files import ModelError

WHOLE = ('uint8', 'int8', 'int32', 'int64', 'bool')


@dataclass(frozen=True)
class Signature:
    """
    Input and output of a graph.

    :param input_shape: four sizes, 0 for one that is open.
    :param output_shape: sizes, 0 for one that is open; empty where the file does not say.
    :param input_type: ``float32`` or ``float16``.
    :param metadata: texts by key.
    """

    input_name: str
    input_shape: tuple[int, ...]
    output_name: str
    output_shape: tuple[int, ...]
    input_type: str = 'float32'
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_input(self) -> str:
        """Return the input's shape for people."""
        return shown(self.input_shape)

    @property
    def shown_output(self) -> str:
        """Return the output's shape for people."""
        return shown(self.output_shape)


@dataclass(frozen=True)
class Port:
    """An input or output: its name, the name of its type, and its sizes, 0 for an open one."""

    name: str
    kind: str
    shape: tuple[int, ...]


def shown(shape: Sequence[int]) -> str:
    """Return a shape for people; open sizes are ``?``, or N in front."""
    names = [str(size) if size else 'N' if place == 0 else '?' for place, size in enumerate(shape)]
    return f'({", ".join(names)})'


def signature(path: Path, inputs: Sequence[Port], outputs: Sequence[Port],
              metadata: Mapping[str, str]) -> Signature:
    """
    Return the signature of a graph of one image input.

    Of several outputs the first counts that is (N, D), of any float type.

    :raises ModelError: another number of inputs, one that is no batch of images, or an output
        of whole numbers.
    """
    listed = ', '.join(f'{port.name} {shown(port.shape)}' for port in inputs) or 'none'
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ModelError(f'{path}: its inputs are {listed}; one is needed, of shape '
                         '(N, 3, H, W) or (N, H, W, 3)')
    images = inputs[0]
    if images.kind not in ('float32', 'float16'):
        raise ModelError(f'{path}: its input {images.name} takes {images.kind}, not float32 or '
                         'float16')
    if not outputs:
        raise ModelError(f'{path}: has no output')
    floats = [port for port in outputs if port.kind not in WHOLE] or outputs
    features = next((port for port in floats if len(port.shape) == 2), floats[0])
    if features.kind in WHOLE:
        raise ModelError(f'{path}: its output {features.name} gives {features.kind}, not float32 '
                         'or float16')
    return Signature(images.name, images.shape, features.name, features.shape, images.kind,
                     metadata)
