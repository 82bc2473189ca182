"""
What a model takes and gives: image size, layout, normalisation, feature length, distances.

It comes from the file itself (shapes, the metadata of ONNX, the parameters of a checkpoint), from
a ``NAME.json`` beside it, which wins, and from settings, which win over both. No engine is needed
to read it.
"""
from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from deepsort_ros.reid import hub
from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.architectures import recognise
from deepsort_ros.reid.files import ModelError
from deepsort_ros.reid.files import resolve
from deepsort_ros.reid.files import sha256
from deepsort_ros.reid.foreign import foreign_content
from deepsort_ros.reid.foreign import foreign_suffix
from deepsort_ros.reid.mindir_file import read_mindir
from deepsort_ros.reid.onnx_file import read_onnx
from deepsort_ros.reid.onnx_graph import METADATA_KEY
from deepsort_ros.reid.openvino_file import read_openvino
from deepsort_ros.reid.signature import Signature
from deepsort_ros.reid.weights import feature_parameters
from deepsort_ros.reid.weights import Parameters

CHECKPOINT, MINDIR, ONNX, OPENVINO = '.ckpt', '.mindir', '.onnx', '.xml'
READERS: dict[str, Callable[[Path], Signature]] = {
    MINDIR: read_mindir, ONNX: read_onnx, OPENVINO: read_openvino}
LAYOUTS = ('NCHW', 'NHWC')
COLOR_ORDERS = ('rgb', 'bgr')
# What images of 0 to 255 are made into: (x / 255 - mean) / std, by channel.
NORMALISATIONS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    'imagenet': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    'unit': ((0.0,) * 3, (1.0,) * 3),
    'signed': ((0.5,) * 3, (0.5,) * 3),
    'none': ((0.0,) * 3, (1 / 255,) * 3)}
# Where it is known without measuring: of the published network, in its publication.
PUBLISHED_DISTANCE = 0.2

FILE, BESIDE, SETTING, ASSUMED = 'file', 'file beside it', 'setting', 'assumed'


@dataclass(frozen=True)
class Model:
    """
    A model and what it takes and gives.

    :param path: of the file.
    :param kind: its suffix, ``.ckpt``, ``.mindir``, ``.onnx`` or ``.xml``.
    :param sha256: hexadecimal.
    :param batch: images per call; 0: any number.
    :param height: of an image, pixels; :param width: the same.
    :param layout: ``NCHW`` or ``NHWC``.
    :param color_order: ``rgb`` or ``bgr``.
    :param mean: (3,), :param std: (3,): an image of 0 to 255 is fed as (x / 255 - mean) / std,
        in the order of its channels.
    :param feature_size: length of a feature; 0: known once the model has run.
    :param max_cosine_distance: recommended for the tracker; 0: the model says nothing.
    :param architecture: name; :param source: where the model is from; '' when unknown.
    :param output: name of the output of a graph that is the feature.
    :param origin: where each of these values comes from.
    :param parameters: of a checkpoint, by name, as they were read.
    """

    path: Path
    kind: str
    sha256: str
    height: int
    width: int
    batch: int = 0
    layout: str = 'NCHW'
    color_order: str = 'rgb'
    mean: tuple[float, ...] = NORMALISATIONS['imagenet'][0]
    std: tuple[float, ...] = NORMALISATIONS['imagenet'][1]
    feature_size: int = 0
    max_cosine_distance: float = 0.0
    architecture: str = ''
    source: str = ''
    output: str = ''
    origin: Mapping[str, str] = field(default_factory=dict)
    parameters: Parameters | None = field(default=None, repr=False, compare=False)

    def metadata(self) -> dict[str, Any]:
        """Return what a file beside the model, or its metadata, may say about it."""
        values = {name: getattr(self, name) for name in KEYS}
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in values.items() if value not in (0, 0.0, '')}


KEYS = ('height', 'width', 'layout', 'color_order', 'mean', 'std', 'feature_size',
        'max_cosine_distance', 'architecture', 'source')


def read_model(model: str, color_order: str = 'auto', normalisation: str = 'auto') -> Model:
    """
    Return what a model takes and gives.

    :param model: ``bundled``, ``hub`` or a path.
    :param color_order: ``rgb`` or ``bgr``; ``auto``: as the model says.
    :param normalisation: a key of ``NORMALISATIONS``; ``auto``: as the model says.
    :raises ModelError: no such file, not a model, or one whose shapes fit no rule.
    """
    path = resolve(model)
    kind = path.suffix.lower()
    if kind not in (CHECKPOINT, *READERS):
        hint = foreign_suffix(path)
        raise ModelError(f'model: {path}: the suffix is not one of {CHECKPOINT}, '
                         f'{", ".join(READERS)}{hint and ": "}{hint}')
    held = foreign_content(path)
    if held:
        raise ModelError(f'model: {path} is not what its suffix says, but {held}')
    found = (_of_checkpoint(path) if kind == CHECKPOINT
             else _of_graph(path, kind, READERS[kind](path)))
    changes: dict[str, Any] = {}
    if color_order != 'auto':
        changes['color_order'] = color_order
    if normalisation != 'auto':
        changes['mean'], changes['std'] = NORMALISATIONS[normalisation]
    origin = {**found.origin, **dict.fromkeys(changes, SETTING)}
    return dataclasses.replace(found, **changes, origin=origin)


def bare_model(architecture: Architecture) -> Model:
    """Return what a network that is in no file yet takes and gives."""
    return Model(Path(), CHECKPOINT, '', architecture.height, architecture.width,
                 feature_size=architecture.feature_size, architecture=architecture.name)


def beside(path: Path) -> Path:
    """Return the path of the file that describes a model, beside it."""
    return path.with_suffix('.json')


def read_description(text: str, where: str) -> dict[str, Any]:
    """
    Return the values of a description, checked.

    :param text: JSON, an object with some of ``KEYS``.
    :param where: named in errors.
    :raises ModelError: not such an object.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ModelError(f'{where}: not JSON: {error}') from error
    if not isinstance(values, dict):
        raise ModelError(f'{where}: not a JSON object')
    for name, value in values.items():
        problem = _problem(name, value)
        if problem:
            raise ModelError(f'{where}: {name}: {json.dumps(value)} {problem}')
    return {name: tuple(map(float, value)) if name in ('mean', 'std') else value
            for name, value in values.items()}


def _problem(name: str, value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name not in KEYS:
        return f'is not known; known are {", ".join(KEYS)}'
    if name in ('architecture', 'source'):
        return '' if isinstance(value, str) else 'is not a text'
    if name in ('layout', 'color_order'):
        choices = LAYOUTS if name == 'layout' else COLOR_ORDERS
        return '' if value in choices else f'is not one of {", ".join(choices)}'
    if name in ('mean', 'std'):
        fine = (isinstance(value, list) and len(value) == 3
                and all(isinstance(v, (int, float)) and math.isfinite(v) for v in value)
                and (name == 'mean' or min(value) > 0))
        return '' if fine else 'is not a list of three numbers' + (
            ' above 0' if name == 'std' else '')
    if name == 'max_cosine_distance':
        return '' if number and 0 < value <= 2 else 'is not a number above 0 and up to 2'
    return '' if number and value == int(value) and 0 < value <= 65536 else (
        'is not a whole number from 1')


def _described(path: Path, embedded: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what metadata and the file beside a model say, and which of them said it."""
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if embedded:
        values = read_description(embedded, f'{path}: metadata {METADATA_KEY}')
        origin = dict.fromkeys(values, FILE)
    if beside(path).is_file():
        try:
            text = beside(path).read_text(encoding='utf-8')
        except UnicodeDecodeError as error:
            raise ModelError(f'{beside(path)}: not UTF-8') from error
        more = read_description(text, str(beside(path)))
        values.update(more)
        origin.update(dict.fromkeys(more, BESIDE))
    return values, origin


def _of_checkpoint(path: Path) -> Model:
    parameters = feature_parameters(path)
    architecture = recognise(parameters)
    values, origin = _described(path, '')
    digest = sha256(path)
    if digest == hub.HUB.sha256 and 'max_cosine_distance' not in values:
        values['max_cosine_distance'] = PUBLISHED_DISTANCE
        origin['max_cosine_distance'] = 'its publication'
    own = {'height': architecture.height, 'width': architecture.width, 'layout': 'NCHW',
           'feature_size': architecture.feature_size, 'architecture': architecture.name}
    for name in ('height', 'width', 'layout', 'feature_size'):
        if values.get(name, own[name]) != own[name]:
            raise ModelError(f'{beside(path)}: {name}: {values[name]} is not {own[name]}, as the '
                             f'network of {path} has it')
    values = {**own, **values}
    known = (*own, 'color_order', 'mean', 'std')
    origin = {**dict.fromkeys(known, FILE), **origin}
    return Model(path, CHECKPOINT, digest, **values, origin=origin, parameters=parameters)


def _of_graph(path: Path, kind: str, signature: Signature) -> Model:
    said, origin = _described(path, signature.metadata.get(METADATA_KEY, ''))
    values = dict(said)
    if kind == OPENVINO:
        # As the networks of the Open Model Zoo take images.
        mean, std = NORMALISATIONS['none']
        values = {'color_order': 'bgr', 'mean': mean, 'std': std, **said}
    shape = signature.input_shape
    layout = _layout(path, signature, values.get('layout', ''))
    spatial = shape[2:] if layout == 'NCHW' else shape[1:3]
    for name, size in zip(('height', 'width'), spatial):
        if size == 0 and name not in values:
            raise ModelError(
                f'{path}: input {signature.input_name} of shape {signature.shown_input} leaves '
                f'the {name} open: write it into {beside(path)}, as in '
                '{"height": 256, "width": 128}')
        if size and values.get(name, size) != size:
            raise ModelError(f'{path}: input {signature.input_name} of shape '
                             f'{signature.shown_input} has {name} {size}, its description says '
                             f'{values[name]}')
        values.setdefault(name, size)
        origin.setdefault(name, FILE)
    origin.setdefault('layout', FILE)
    size = _feature_size(path, signature)
    if size and values.get('feature_size', size) != size:
        raise ModelError(f'{path}: output {signature.output_name} of shape '
                         f'{signature.shown_output} gives features of {size}, its description '
                         f'says {values["feature_size"]}')
    if size:
        values['feature_size'] = size
        origin.setdefault('feature_size', FILE)
    for name in ('color_order', 'mean', 'std'):
        origin.setdefault(name, ASSUMED)
    return Model(path, kind, sha256(path), batch=shape[0], output=signature.output_name,
                 **{**values, 'layout': layout}, origin=origin)


def _layout(path: Path, signature: Signature, said: str) -> str:
    """Return where the three channels are."""
    shape = signature.input_shape
    fitting = [layout for layout, place in (('NCHW', 1), ('NHWC', 3)) if shape[place] == 3]
    if said and (not fitting or said in fitting):
        place = 1 if said == 'NCHW' else 3
        if shape[place] in (0, 3):
            return said
    if len(fitting) == 1 and said in ('', fitting[0]):
        return fitting[0]
    if len(fitting) == 2 and not said:
        return fitting[0]
    wanted = f'{said} with three channels' if said else '(N, 3, H, W) or (N, H, W, 3)'
    raise ModelError(f'{path}: input {signature.input_name} of shape {signature.shown_input} is '
                     f'not {wanted}')


def _feature_size(path: Path, signature: Signature) -> int:
    """Return the length of a feature, 0 where the file leaves it open."""
    shape = signature.output_shape
    if not shape:
        return 0
    if len(shape) < 2 or any(size not in (0, 1) for size in shape[2:]):
        raise ModelError(f'{path}: output {signature.output_name} of shape '
                         f'{signature.shown_output} is not (N, D), one feature for each image')
    if shape[1] == 1:
        raise ModelError(f'{path}: output {signature.output_name} of shape '
                         f'{signature.shown_output} is one number for each image, no feature')
    return shape[1]
