"""
Read a convolutional network from OpenVINO's IR (``.xml`` and ``.bin``) as a PyTorch module.

Knows the operators of the re-identification networks of Intel's Open Model Zoo, for inference.
The first dimension is the batch, whatever size the file gives it.
"""
from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx
from torch import nn
from torch.nn import functional

DTYPES = {'f32': np.float32, 'f16': np.float16, 'i64': np.int64, 'i32': np.int32}
# Operators that take their first input alone.
UNARY = {'ReLU': torch.relu, 'Sigmoid': torch.sigmoid}
BINARY = {'Add': torch.add, 'Subtract': torch.sub, 'Multiply': torch.mul}


def load_ir(path: Path) -> fx.GraphModule:
    """
    Return the network of ``path`` (.xml), its weights (.bin beside it) as float32.

    :raises ValueError: an operator is not known.
    """
    return _Reader(path).module()


class _Reader:
    """Builds the graph from the result back to the input."""

    def __init__(self, path: Path) -> None:
        tree = ElementTree.parse(path).getroot()
        self._layers = {layer.attrib['id']: layer for layer in tree.iter('layer')}
        self._sources = {(edge.attrib['to-layer'], edge.attrib['to-port']):
                         edge.attrib['from-layer'] for edge in tree.iter('edge')}
        self._data = path.with_suffix('.bin').read_bytes()
        self._graph = fx.Graph()
        self._root = nn.Module()
        self._made: dict[str, Any] = {}
        self._attributes = 0

    def module(self) -> fx.GraphModule:
        """Return the network from its only parameter to its only result."""
        result = self._of_type('Result')
        # Inputs come first in a graph.
        self._made[self._of_type('Parameter')] = self._graph.placeholder('images')
        self._graph.output(self._node(self._inputs(result)[0]))
        return fx.GraphModule(self._root, self._graph).eval()

    def _of_type(self, kind: str) -> str:
        found = [name for name, layer in self._layers.items() if layer.attrib['type'] == kind]
        if len(found) != 1:
            raise ValueError(f'{len(found)} layers of type {kind} instead of one')
        return found[0]

    def _inputs(self, name: str) -> list[str]:
        ports = self._layers[name].findall('input/port')
        return [self._sources[name, port.attrib['id']] for port in ports]

    def _node(self, name: str) -> Any:
        """Return what a layer gives: a tensor when it is constant, else a node of the graph."""
        # An explicit stack, as networks are deeper than Python's.
        waiting = [name]
        while waiting:
            top = waiting[-1]
            inputs = self._inputs(top)
            # The new shape of a reshape is read from its output.
            needed = inputs[:1] if self._layers[top].attrib['type'] == 'Reshape' else inputs
            missing = [i for i in needed if i not in self._made]
            if missing:
                waiting += missing
            else:
                if top not in self._made:
                    self._made[top] = self._make(top, [self._made[i] for i in needed])
                waiting.pop()
        return self._made[name]

    def _make(self, name: str, inputs: list[Any]) -> Any:
        layer = self._layers[name]
        kind = layer.attrib['type']
        element = layer.find('data')
        data = element.attrib if element is not None else {}
        if kind == 'Const':
            return self._constant(data)
        if kind == 'Convert' and isinstance(inputs[0], torch.Tensor):
            return inputs[0].float()
        if kind == 'Reshape' and isinstance(inputs[0], torch.Tensor):
            return inputs[0].reshape(_shape(layer))
        if kind in BINARY and all(isinstance(i, torch.Tensor) for i in inputs):
            return BINARY[kind](*inputs)
        if kind == 'Add' and self._adds_bias(inputs):
            convolution, bias = inputs
            convolution.args = (*convolution.args[:2], self._attribute(bias.flatten()),
                                *convolution.args[3:])
            return convolution
        return self._operator(kind, layer, data, inputs)

    def _operator(self, kind: str, layer: Any, data: Any, inputs: list[Any]) -> Any:
        call = self._graph.call_function
        if kind in ('Convolution', 'GroupConvolution'):
            weight, groups = inputs[1], 1
            if kind == 'GroupConvolution':
                groups = weight.shape[0]
                weight = weight.reshape(-1, *weight.shape[2:])
            padding = _pair(data['pads_begin'])
            if padding != _pair(data['pads_end']):
                raise ValueError(f'{layer.attrib["name"]}: padding is not symmetric')
            return call(functional.conv2d, (
                inputs[0], self._attribute(weight), None, _pair(data['strides']), padding,
                _pair(data['dilations']), groups))
        if kind in BINARY:
            return call(BINARY[kind], tuple(self._argument(i) for i in inputs))
        if kind in UNARY:
            return call(UNARY[kind], (inputs[0],))
        if kind == 'PReLU':
            return call(functional.prelu, (inputs[0], self._attribute(inputs[1].flatten())))
        if kind == 'MVN':
            return call(normalise, (inputs[0], tuple(inputs[1].tolist()), float(data['eps'])))
        if kind == 'ReduceMean':
            axes = tuple(inputs[1].tolist())
            return call(torch.mean, (inputs[0], axes, data['keep_dims'] == 'true'))
        if kind == 'MaxPool':
            return call(functional.max_pool2d, (
                inputs[0], _pair(data['kernel']), _pair(data['strides']),
                _pair(data['pads_begin'])))
        if kind == 'AvgPool':
            return call(functional.avg_pool2d, (
                inputs[0], _pair(data['kernel']), _pair(data['strides']),
                _pair(data['pads_begin'])))
        if kind == 'MatMul' and data['transpose_b'] == 'true':
            return call(functional.linear, (inputs[0], self._attribute(inputs[1])))
        if kind == 'Reshape':
            return call(torch.reshape, (inputs[0], _shape(layer)))
        if kind == 'Gather':
            return call(torch.index_select, (
                inputs[0], int(inputs[2]), self._attribute(inputs[1].flatten())))
        raise ValueError(f'{layer.attrib["name"]}: operator {kind} is not known')

    def _adds_bias(self, inputs: list[Any]) -> bool:
        node, bias = inputs
        return (isinstance(node, fx.Node) and node.target is functional.conv2d
                and isinstance(bias, torch.Tensor) and node.args[2] is None
                and bias.ndim == 4 and bias.shape[1] == bias.numel()
                and not node.users)

    def _constant(self, data: Any) -> torch.Tensor:
        shape = [int(size) for size in data['shape'].split(',') if size.strip()]
        start, size = int(data['offset']), int(data['size'])
        dtype = DTYPES[data['element_type']]
        return torch.from_numpy(
            np.frombuffer(self._data[start:start + size], dtype).reshape(shape).copy())

    def _argument(self, value: Any) -> Any:
        return self._attribute(value) if isinstance(value, torch.Tensor) else value

    def _attribute(self, value: torch.Tensor) -> fx.Node:
        name = f'constant_{self._attributes}_'
        self._attributes += 1
        self._root.register_buffer(name, value)
        # A bias is added to a convolution made before it.
        with self._graph.inserting_before(next(iter(self._graph.nodes))):
            return self._graph.get_attr(name)


def normalise(x: torch.Tensor, axes: tuple[int, ...], epsilon: float) -> torch.Tensor:
    """Return x with mean 0 and variance 1 over some axes."""
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + epsilon)


def _pair(text: str) -> tuple[int, ...]:
    return tuple(int(value) for value in text.split(','))


def _shape(layer: Any) -> tuple[int, ...]:
    return (-1, *(int(d.text) for d in layer.findall('output/port/dim')[1:]))
