"""
Every setting of the tracker, in one table.

The fields of :class:`Settings` are the table: the node declares its ROS parameters from them,
``config/tracker.yaml`` and the parameter table of the documentation are generated from them, and
the command-line tools read the same parameter files. Nothing here needs ROS.
"""
from __future__ import annotations

import dataclasses
import difflib
import math
import re
import typing
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

# A rule of class_kinds.
KIND_RULE = re.compile(r'.+:\s*(person|cyclist|car|unknown|[0-9]*\.?[0-9]+)\s*')
# An entry of class_names that says which class it names.
NAMED = re.compile(r'([^:]+):(.+)')
# What ROS takes for a part of a namespace, except hidden ones.
NAME = re.compile('[A-Za-z][A-Za-z0-9_]*')


class SettingError(ValueError):
    """A setting does not exist, or its value is not acceptable; the message names both."""


@dataclass(frozen=True)
class Spec:
    """What a setting means and which values it takes."""

    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False


def _setting(default: Any, description: str, **spec: Any) -> Any:
    metadata = {'spec': Spec(description, **spec)}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of one tracker; the defaults suit a robot with a 30 Hz camera."""

    device: str = _setting(
        'auto', 'where the appearance network runs; auto takes the first of Ascend, GPU, CPU '
        'that works; TensorRT and OpenVINO are for engine onnxruntime, where it has them',
        choices=('auto', 'Ascend', 'GPU', 'CPU', 'TensorRT', 'OpenVINO'))
    device_id: int = _setting(
        0, 'index of the Ascend or GPU device', minimum=0, maximum=1023)
    model: str = _setting(
        'bundled', 'appearance model: "bundled", "hub" (the published one, once "deepsort '
        'fetch-model hub" has got it), or the path of a .ckpt, .mindir, .onnx or .xml')
    engine: str = _setting(
        'auto', 'what runs the model; auto: MindSpore for .ckpt and .mindir, onnxruntime for '
        '.onnx; onnxruntime also runs .ckpt, mindspore_lite also .mindir',
        choices=('auto', 'mindspore', 'onnxruntime', 'mindspore_lite'))
    precision: str = _setting(
        'auto', 'arithmetic of the network; auto: fp16 on Ascend, else fp32; fp16 is for Ascend '
        'and GPU', choices=('auto', 'fp32', 'fp16'))
    batch_buckets: tuple[int, ...] = _setting(
        (1, 2, 4, 8, 16, 32), 'batch sizes the network is compiled for, ascending; a batch is '
        'padded to the next one; onnxruntime on a CPU takes any number, up to the last of them; '
        'MindSpore on Ascend takes 4 and 16 where this is left at its default', minimum=1,
        maximum=1024)
    color_order: str = _setting(
        'auto', 'channel order the network is fed; auto: as the model says, else rgb; bgr repeats '
        'the published evaluation, which fed OpenCV crops to a network trained on RGB',
        choices=('auto', 'rgb', 'bgr'))
    normalisation: str = _setting(
        'auto', 'what pixels of 0 to 255 are made into; auto: as the model says, else imagenet; '
        'unit: 0 to 1; signed: -1 to 1; none: left as they are',
        choices=('auto', 'imagenet', 'unit', 'signed', 'none'))
    appearance: str = _setting(
        'always', 'when features are computed: for every detection, only where motion leaves '
        'the assignment open, or never', choices=('always', 'on_demand', 'off'), dynamic=True)
    appearance_interval: int = _setting(
        15, 'on_demand: each track gets a new feature about once in so many images, in turns',
        unit='images', minimum=1, maximum=100000, dynamic=True)
    appearance_budget: int = _setting(
        0, 'on_demand: most features computed for one image, where motion leaves most open; 0: in '
        'the node as many as there is time for before images are dropped, else no limit',
        minimum=0, maximum=100000, dynamic=True)
    min_confidence: float = _setting(
        0.5, 'detections with a lower score start no track, and are ignored below '
        'low_confidence', dynamic=True)
    low_confidence: float = _setting(
        0.1, 'detections with a score between this and min_confidence continue tracks seen in '
        'the last image, by overlap (ByteTrack); min_confidence or more: none do', dynamic=True)
    nms_max_overlap: float = _setting(
        1.0, 'a detection covered by a better one by more than this share is ignored; 1 keeps '
        'all', minimum=0.0, maximum=1.0, dynamic=True)
    duplicate_overlap: float = _setting(
        0.8, 'of two detections whose IoU is larger only the better one is used, whatever their '
        'classes: they are two boxes on one object; 1 keeps both', minimum=0.0, maximum=1.0,
        dynamic=True)
    min_box_height: float = _setting(
        0.0, 'lower boxes are ignored', unit='px', minimum=0.0, dynamic=True)
    max_detections: int = _setting(
        300, 'of more detections in one image only this many, the best by score, are used',
        minimum=1, maximum=100000, dynamic=True)
    classes: tuple[str, ...] = _setting(
        (), 'class_id values to track, or names of class_names; numbers as well; empty tracks all',
        dynamic=True)
    class_names: tuple[str, ...] = _setting(
        (), 'names of classes, as CLASS:NAME, or the names of classes 0, 1, 2 and so on; classes '
        'of one name are one class', dynamic=True)
    class_gating: bool = _setting(
        True, 'a track takes detections of its own class; one of another class only as '
        'class_change_overlap says', dynamic=True)
    class_change_overlap: float = _setting(
        0.5, 'with class_gating: a track just seen that finds no detection of its own class takes '
        'one of another class that no other track wants, where their IoU is at least this: '
        'detectors change their mind; 1: never', minimum=0.0, maximum=1.0, dynamic=True)
    max_cosine_distance: float = _setting(
        0.0, 'largest appearance distance (1 - cosine similarity) of a match; 0: as the model '
        'says, 0.2 where it says nothing ("deepsort evaluate-reid" measures it)', minimum=0.0,
        maximum=2.0, dynamic=True)
    nn_budget: int = _setting(
        100, 'features kept per track, the newest', minimum=1, maximum=10000, dynamic=True)
    max_iou_distance: float = _setting(
        0.7, 'largest 1 - IoU of a match by overlap', minimum=0.0, maximum=1.0, dynamic=True)
    max_age: float = _setting(
        5.0, 'a confirmed track unseen for longer is removed', unit='s', minimum=0.0,
        maximum=3600.0, dynamic=True)
    n_init: int = _setting(
        3, 'consecutive detections that confirm a track; with images less often than noise_rate, '
        'two or more that look alike and take as long', minimum=1, maximum=1000, dynamic=True)
    reid_window: float = _setting(
        0.0, 'for so long after its max_age a track may come back under its id, to a new one '
        'that looks like it; only then it counts as removed; 0: never', unit='s', minimum=0.0,
        maximum=3600.0, dynamic=True)
    camera_motion: str = _setting(
        'off', 'follow the camera when it moves: by sparse optical flow of the image (BoT-SORT), '
        'or by its pose from camera_info and transforms, each track at its own depth',
        choices=('off', 'flow', 'tf'), dynamic=True)
    max_ego_speed: float = _setting(
        40.0, 'a pose of the camera that moves faster, or whose speed changes faster than '
        "a robot's can, has jumped: the camera is taken to go on as before", unit='m/s',
        minimum=0.01, maximum=1000.0, dynamic=True)
    world: str = _setting(
        'off', 'positions of the tracks in metres: from the ground plane and the height of their '
        'class, or from a depth image where it has something to say', choices=(
            'off', 'ground', 'depth'), dynamic=True)
    fixed_frame: str = _setting(
        'odom', 'frame of the positions: z up, continuous, so not map')
    base_frame: str = _setting(
        'base_footprint', 'frame of the robot on the ground below it')
    ground: str = _setting(
        'fixed_frame', 'which way the ground lies: level, or as the robot stands (for ramps)',
        choices=('fixed_frame', 'base_frame'), dynamic=True)
    camera_model: str = _setting(
        'auto', 'what of camera_info fits the image: P, for rectified ones, or K and D; auto '
        'takes P when "rect" is in the name of the image topic',
        choices=('auto', 'rectified', 'raw'), dynamic=True)
    transform_timeout: float = _setting(
        0.1, 'an image waits no longer for the transforms of its stamp, and for a depth image; '
        'without them it is tracked in pixels', unit='s', minimum=0.0, maximum=5.0, dynamic=True)
    depth_tolerance: float = _setting(
        0.05, 'largest stamp difference of an image and its depth image; what may have moved in '
        'between counts as uncertain', unit='s', minimum=0.0, maximum=1.0, dynamic=True)
    publish_tf: bool = _setting(
        False, 'publish a frame for every track with a position, CLASS_ID in fixed_frame')
    class_kinds: tuple[str, ...] = _setting(
        (), 'what kind of thing a class is, as CLASS:KIND with person, cyclist, car or unknown, '
        'or CLASS:HEIGHT in m; * is every other class', dynamic=True)
    score_noise: bool = _setting(
        False, 'the surer a detection, the closer its track follows it; for scores of 0 to 1 '
        '(NSA Kalman filter)', dynamic=True)
    size_state: bool = _setting(
        False, 'the Kalman filter holds width and height instead of aspect and height '
        '(BoT-SORT)', dynamic=True)
    nearest_features: int = _setting(
        5, 'the distance to a track is the mean of those to so many of its features, the nearest '
        "ones; 1: to the nearest (the paper's)", minimum=1, maximum=10000, dynamic=True)
    cascade: bool = _setting(
        False, 'tracks seen more recently choose first (the paper); else tracks of all ages share '
        'the detections out at the least total cost', dynamic=True)
    lost_ratio: float = _setting(
        0.8, 'a lost track takes a detection by appearance only if their distance is below this '
        'share of the next smallest of either; 1: however alike others are (the paper)',
        minimum=0.1, maximum=1.0, dynamic=True)
    second_look: float = _setting(
        1.33, 'largest appearance distance of a match by overlap, in shares of '
        'max_cosine_distance; lost tracks then match by overlap as well, and no track takes a '
        'stranger that stands in the right place; 0: appearance has no say in overlap',
        minimum=0.0, maximum=10.0, dynamic=True)
    covered_share: float = _setting(
        0.5, 'what a detection looks like is not remembered where another one covers more than '
        'this share of it; 1: always remembered', minimum=0.0, maximum=1.0, dynamic=True)
    rejoin: float = _setting(
        0.67, 'largest appearance distance, in shares of max_cosine_distance, at which a track '
        'that is confirmed is a lost one that looks like it; 0: never', minimum=0.0,
        maximum=10.0, dynamic=True)
    reach: bool = _setting(
        True, 'a new track may take a detection that it does not overlap, within its motion '
        'gate, if no other track wants it: fast objects in few images', dynamic=True)
    adapt_distance: bool = _setting(
        True, 'move max_cosine_distance where the features that come show that it does not lie '
        'between the distances of one object and those of two', dynamic=True)
    noise_rate: float = _setting(
        30.0, "image rate that the noise of the filter's velocity is meant for; with images less "
        'often a velocity is less certain; half of it counts where poses of the camera are '
        'followed; 0: the same at every rate (the paper)', unit='Hz', minimum=0.0,
        maximum=1000.0, dynamic=True)
    load_wait: float = _setting(
        60.0, 'start-up waits so long for the network to be loaded and compiled; after that, '
        'images are tracked by motion and overlap until it is', unit='s', minimum=0.0,
        maximum=3600.0)
    frame_rate: float = _setting(
        30.0, 'nominal image rate: the Kalman filter counts time in units of 1/frame_rate',
        unit='Hz', minimum=0.1, maximum=1000.0)
    publish_lost: bool = _setting(
        True, 'publish confirmed tracks without a detection in this image (predicted box)',
        dynamic=True)
    publish_predicted: bool = _setting(
        False, 'publish predicted tracks for images that the detector skips, also without '
        'assume_empty_after; then as soon as a later image has its detections')
    publish_tentative: bool = _setting(
        False, 'publish tracks that are not confirmed yet', dynamic=True)
    publish_features: bool = _setting(
        False, 'publish the appearance feature of every track', dynamic=True)
    sync_depth: int = _setting(
        30, 'images and detections that wait for their partner; must exceed the lag of '
        'the detector in images', unit='messages', minimum=1, maximum=1000)
    sync_tolerance: float = _setting(
        0.0, 'largest stamp difference of a pair; 0 pairs equal stamps only', unit='s',
        minimum=0.0, maximum=10.0)
    detections_type: str = _setting(
        'vision_msgs/Detection2DArray', 'message of the detector; yolo_msgs is that of yolo_ros; '
        'Detection3DArray has boxes in space, in the frame of the image, and needs camera_info',
        choices=('vision_msgs/Detection2DArray', 'yolo_msgs/DetectionArray',
                 'vision_msgs/Detection3DArray'))
    detections_delay: float = _setting(
        0.0, 'how much later than their image detections are stamped, by a detector that sets '
        'stamps of its own; needs a sync_tolerance', unit='s', minimum=-10.0, maximum=10.0)
    assume_empty_after: float = _setting(
        0.0, 'an image without detections for so long after its arrival is tracked with none, '
        'for detectors that are silent when they find nothing, or predicted, where the detector '
        'skips images; must exceed its lag; 0 waits for detections', unit='s', minimum=0.0,
        maximum=60.0)
    queue_depth: int = _setting(
        2, 'paired frames that wait for the worker; when full the oldest is dropped and counted',
        unit='frames', minimum=1, maximum=1000)
    time_jump_reset: float = _setting(
        1.0, 'a stamp further back than this resets the tracker; a smaller step back drops the '
        'frame', unit='s', minimum=0.0, maximum=3600.0, dynamic=True)
    image_transport: str = _setting(
        'raw', 'raw subscribes to image, compressed to image/compressed',
        choices=('raw', 'compressed'))
    autostart: bool = _setting(
        True, 'configure and activate at start; false waits for a lifecycle manager')
    cameras: tuple[str, ...] = _setting(
        (), 'names of cameras that one process serves, each by a node in the namespace of its '
        'name, with one network for all; empty: one node, without a namespace of its own')

    def __post_init__(self) -> None:
        """Check and normalise every field."""
        for name, spec in SPECS.items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), spec))
        if list(self.batch_buckets) != sorted(set(self.batch_buckets)) or not self.batch_buckets:
            raise SettingError(
                f'batch_buckets: {list(self.batch_buckets)} is not a list of ascending sizes')
        paired = [name for name in self.class_names if NAMED.fullmatch(name)]
        if len(paired) < len(self.class_names) and (paired or not all(self.class_names) or any(
                ':' in name for name in self.class_names)):
            raise SettingError(f'class_names: {list(self.class_names)} are neither all CLASS:NAME '
                               f'nor all names')
        for rule in self.class_kinds:
            match = KIND_RULE.fullmatch(rule)
            if not match or (match[1][0] in '.0123456789' and not 0.05 <= float(match[1]) <= 20):
                raise SettingError(
                    f'class_kinds: {rule!r} is not CLASS:KIND with person, cyclist, car or '
                    f'unknown, nor CLASS:HEIGHT with 0.05 to 20 m')
        if self.detections_delay and not self.sync_tolerance:
            raise SettingError(
                f'detections_delay: {self.detections_delay:g} needs a sync_tolerance, about half '
                f'the time between two images: such stamps are never equal')
        for number, camera in enumerate(self.cameras):
            if not NAME.fullmatch(camera):
                raise SettingError(f'cameras: {camera!r} is not a name of letters, digits and _ '
                                   f'that begins with a letter')
            if camera in self.cameras[:number]:
                raise SettingError(f'cameras: {camera!r} is there twice')

    def replace(self, changes: Mapping[str, Any]) -> Settings:
        """
        Return a copy with some settings changed, all checked together.

        :raises SettingError: an unknown name or a value that is not acceptable.
        """
        unknown = sorted(set(changes) - set(SPECS))
        if unknown:
            raise SettingError(f'unknown setting {unknown_words(unknown)}')
        return dataclasses.replace(self, **changes)


SPECS: dict[str, Spec] = {f.name: f.metadata['spec'] for f in dataclasses.fields(Settings)}
TYPES: dict[str, Any] = typing.get_type_hints(Settings)


def unknown_words(names: Iterable[str], known: Iterable[str] = ()) -> str:
    """Return names that do not exist, each with the closest of those that do: all settings."""
    named = []
    known = [*SPECS, *known]
    for name in names:
        close = difflib.get_close_matches(name, known, 1)
        named.append(f'{name} (did you mean {close[0]}?)' if close else name)
    return ', '.join(named)


def default(name: str) -> Any:
    """Return the default of a setting."""
    return Settings.__dataclass_fields__[name].default


def _checked(name: str, value: Any, spec: Spec) -> Any:
    kind = TYPES[name]
    if kind in (tuple[int, ...], tuple[str, ...]):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise SettingError(f'{name}: {value!r} is not a list')
        item = typing.get_args(kind)[0]
        # An empty ROS parameter of type string[] is often written [''].
        items = list(value)
        return tuple(_scalar(name, v, item, spec) for v in ([] if items == [''] else items))
    return _scalar(name, value, kind, spec)


def _scalar(name: str, value: Any, kind: Any, spec: Spec) -> Any:
    if name in ('classes', 'class_names') and isinstance(value, int) and not isinstance(
            value, bool):
        value = str(value)  # many detectors number their classes
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if value is False and 'off' in spec.choices:
        value = 'off'  # YAML reads a bare off as false
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SettingError(f'{name}: {value!r} is not of type {kind.__name__}')
    if kind is float and not math.isfinite(value):
        raise SettingError(f'{name}: {value!r} is not finite')
    if spec.choices and value not in spec.choices:
        raise SettingError(f'{name}: {value!r} is not one of {", ".join(spec.choices)}')
    low = -math.inf if spec.minimum is None else spec.minimum
    high = math.inf if spec.maximum is None else spec.maximum
    if isinstance(value, (int, float)) and not low <= value <= high:
        raise SettingError(f'{name}: {value} is outside {low:g} to {high:g}')
    return value
