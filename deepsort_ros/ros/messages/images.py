"""Image messages to arrays and back, right for padded rows and for every common encoding."""
from __future__ import annotations

from array import array
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepsort_ros.ros.messages.types import CompressedImage
from deepsort_ros.ros.messages.types import Header
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.samples import Samples

Pixels = NDArray[np.uint8]


# What is sent in compressed messages and is no picture of its own.
STREAMS = {
    **dict.fromkeys(('h264', 'hevc', 'h265', 'av1', 'vp8', 'vp9'),
                    ', a stream of video: republish it raw or as JPEG'),
    'compressedDepth': ', depth: name the topic of the colour images'}


class ImageError(ValueError):
    """An image message cannot be read; the message names the field and its value."""


# encoding -> (dtype, channels, cv2 conversion to bgr8 or None). These names of Bayer patterns are
# in every OpenCV; they name the second row, second and third column: BayerBG is bayer_rggb.
_PACKED: dict[str, tuple[type, int, int | None]] = {
    'bgr8': (np.uint8, 3, None),
    'rgb8': (np.uint8, 3, None),
    '8UC3': (np.uint8, 3, None),
    'bgra8': (np.uint8, 4, cv2.COLOR_BGRA2BGR),
    'rgba8': (np.uint8, 4, cv2.COLOR_RGBA2BGR),
    '8UC4': (np.uint8, 4, cv2.COLOR_BGRA2BGR),
    'mono8': (np.uint8, 1, cv2.COLOR_GRAY2BGR),
    '8UC1': (np.uint8, 1, cv2.COLOR_GRAY2BGR),
    'mono16': (np.uint16, 1, cv2.COLOR_GRAY2BGR),
    '16UC1': (np.uint16, 1, cv2.COLOR_GRAY2BGR),
    'bgr16': (np.uint16, 3, None),
    'rgb16': (np.uint16, 3, None),
    '16UC3': (np.uint16, 3, None),
    'bgra16': (np.uint16, 4, cv2.COLOR_BGRA2BGR),
    'rgba16': (np.uint16, 4, cv2.COLOR_RGBA2BGR),
    'yuv422': (np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'uyvy': (np.uint8, 2, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': (np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
    'yuyv': (np.uint8, 2, cv2.COLOR_YUV2BGR_YUY2),
    'bayer_rggb8': (np.uint8, 1, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': (np.uint8, 1, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': (np.uint8, 1, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': (np.uint8, 1, cv2.COLOR_BayerGB2BGR),
    'bayer_rggb16': (np.uint16, 1, cv2.COLOR_BayerBG2BGR),
    'bayer_bggr16': (np.uint16, 1, cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg16': (np.uint16, 1, cv2.COLOR_BayerGR2BGR),
    'bayer_grbg16': (np.uint16, 1, cv2.COLOR_BayerGB2BGR),
}
# Luminance rows, then half as many rows of interleaved chrominance.
_PLANAR = {'nv12': cv2.COLOR_YUV2BGR_NV12, 'nv21': cv2.COLOR_YUV2BGR_NV21}


def read_image(message: Image | CompressedImage,
               samples: Samples | None = None) -> tuple[Pixels, str]:
    """
    Return the pixels of a message and their channel order.

    For ``bgr8`` and ``rgb8`` the array is a view into the message, honouring ``step``.

    :param samples: what is known of the 16-bit samples of this camera; None: this image tells.

    :returns: (H, W, 3) uint8 and ``bgr8`` or ``rgb8``.
    :raises ImageError: no size, too little data, or an encoding that cannot be read.
    """
    samples = samples or Samples()
    if isinstance(message, CompressedImage):
        return _decode(message, samples), 'bgr8'
    if not message.width or not message.height:
        raise ImageError(f'width x height: {message.width} x {message.height} is an empty image')
    encoding = message.encoding
    try:
        if encoding in _PACKED:
            kind, channels, code = _PACKED[encoding]
            pixels = _view(message, message.height, channels, np.dtype(kind))
            if code is not None:
                return _converted(samples.eight_bit(pixels), code), 'bgr8'
            return samples.eight_bit(pixels), 'rgb8' if encoding in ('rgb8', 'rgb16') else 'bgr8'
        if encoding in _PLANAR:
            if message.height % 2 or message.width % 2:
                raise ImageError(f'width x height: {message.width} x {message.height} is odd, '
                                 f'which {encoding} cannot be')
            planes = _view(message, message.height * 3 // 2, 1, np.dtype(np.uint8))
            return _converted(np.ascontiguousarray(planes), _PLANAR[encoding]), 'bgr8'
        return _bridge(message), 'bgr8'
    except cv2.error as error:
        raise ImageError(f'encoding: {encoding!r}: {error}') from error


def write_image(pixels: Pixels, encoding: str, header: Header) -> Image:
    """Return an Image of (H, W, 3) uint8 pixels in ``bgr8`` or ``rgb8`` order."""
    data = array('B')
    # Much faster than bytes or an ndarray: rclpy takes over an array('B') as it is.
    data.frombytes(np.ascontiguousarray(pixels).data.cast('B'))
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding,
                    step=3 * width)
    message.data = data
    return message


def _view(message: Image, rows: int, channels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the (rows, W, channels) view of the data, (rows, W) for one channel."""
    pixel = channels * dtype.itemsize
    row = message.width * pixel
    if message.step < row:
        raise ImageError(f'step: {message.step} is less than the {row} bytes of a row '
                         f'({message.width} pixels {message.encoding})')
    needed = message.step * (rows - 1) + row
    if len(message.data) < needed:
        raise ImageError(f'data: {len(message.data)} bytes are fewer than the {needed} of '
                         f'{message.width} x {message.height} {message.encoding}')
    view: NDArray[Any] = np.ndarray(
        (rows, message.width, channels), dtype.newbyteorder('>' if message.is_bigendian else '<'),
        message.data, strides=(message.step, pixel, dtype.itemsize))
    return view[:, :, 0] if channels == 1 else view


def _converted(pixels: Pixels, code: int) -> Pixels:
    converted: Any = cv2.cvtColor(pixels, code)
    return converted


def _decode(message: CompressedImage, samples: Samples) -> Pixels:
    data = np.frombuffer(message.data, np.uint8)
    # Unchanged: as the camera stored it, not turned by its EXIF orientation.
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error as error:  # too many pixels, for one
        raise ImageError(f'data: {data.size} bytes that OpenCV refuses to decode: '
                         f'{error.err}') from error
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        kind = next((words for name, words in STREAMS.items() if name in message.format), '')
        raise ImageError(f'data: {data.size} bytes are no image that can be decoded '
                         f'(format {message.format!r}{kind})')
    pixels = samples.eight_bit(pixels)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 3:
        return pixels
    code = cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR
    return _converted(pixels, code)


@lru_cache(maxsize=1)
def _cv_bridge() -> Any:
    try:
        from cv_bridge import CvBridge
    except ImportError:
        return None
    return CvBridge()


def _bridge(message: Image) -> Pixels:
    bridge = _cv_bridge()
    if bridge is not None:
        try:
            return np.asarray(bridge.imgmsg_to_cv2(message, 'bgr8'), dtype=np.uint8)
        except Exception as error:  # noqa: B902 CvBridgeError and whatever the data provokes
            raise ImageError(f'encoding: {message.encoding!r}: {error}') from error
    known = ', '.join(sorted((*_PACKED, *_PLANAR)))
    raise ImageError(f'encoding: {message.encoding!r} is not one of {known}')
