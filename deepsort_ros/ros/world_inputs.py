"""
What else than image and detections says where the camera was: camera_info, depth and transforms.

The node and the bag tool both hand their pairs of messages to :class:`WorldInputs` and get them
back with what is known of the camera. A pair waits until the transforms of its stamp are there,
and no longer than ``transform_timeout``; then it goes on without, and it says what was missing.
Where nothing asks for the world, pairs go right through.
"""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Generic
from typing import TypeVar

import numpy as np

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import world_config
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.detectors import SOLID
from deepsort_ros.ros.messages.types import CameraInfo
from deepsort_ros.ros.messages.types import Image
from deepsort_ros.ros.messages.types import TFMessage
from deepsort_ros.ros.messages.world import DepthError
from deepsort_ros.ros.messages.world import read_camera
from deepsort_ros.ros.messages.world import read_depth
from deepsort_ros.ros.messages.world import read_transforms
from deepsort_ros.settings import Settings
from deepsort_ros.world.camera import Camera
from deepsort_ros.world.camera import CameraError
from deepsort_ros.world.transforms import Transform
from deepsort_ros.world.transforms import TransformBuffer
from deepsort_ros.world.transforms import TransformError
from deepsort_ros.world.view import View

Pair = TypeVar('Pair')
# Depth images kept for images that are yet to come.
DEPTH_IMAGES = 10
# Sine of the elevation above which no camera of a robot looks.
UPWARDS = 0.8
# How far apart two frames may be that are one: m, and the length of a turn in radians.
SAME_PLACE, SAME_TURN = 0.005, 0.01


@dataclass(frozen=True)
class Sight:
    """
    What is known of the camera for one image.

    :param problems: what is missing, in words, by input: ``camera_info``, ``transforms``,
        ``optical_frame``, ``base``, ``depth``.
    """

    camera: Camera | None = None
    pose: Transform | None = None
    base: Transform | None = None
    depth: Image | None = None
    depth_lag: float = 0.0
    problems: dict[str, str] = field(default_factory=dict)

    def view(self, size: tuple[int, int]) -> tuple[View | None, dict[str, str]]:
        """
        Return the view of an image of this size, None where it is not known, and the problems.

        :param size: width and height in pixels.
        """
        camera, problems = self.camera_of(size)
        if camera is None or self.pose is None:
            return None, problems
        depth = None
        if self.depth is not None:
            try:
                depth = read_depth(self.depth, size)
            except DepthError as error:
                problems = {**problems, 'depth': str(error)}
        return View(camera, self.pose, self.base, depth, self.depth_lag), problems

    def camera_of(self, size: tuple[int, int]) -> tuple[Camera | None, dict[str, str]]:
        """Return the camera of an image of this size, None where it is not known, and problems."""
        if self.camera is None or self.camera.size == size:
            return self.camera, self.problems
        return None, {**self.problems, 'camera_info': (
            f'camera_info is of an image of {self.camera.size[0]}x{self.camera.size[1]}, but '
            f'the image has {size[0]}x{size[1]} pixels: what resizes the image must publish its '
            f'camera_info, too')}


@dataclass(frozen=True)
class _Waiting(Generic[Pair]):
    """A pair, the frame and stamp of its image, and until when it waits, in seconds."""

    frame: str
    stamp: int
    deadline: float
    pair: Pair


class WorldInputs(Generic[Pair]):
    """
    Gives pairs of messages what is known of the camera; not thread-safe.

    :param settings: in force; :param image_topic: resolved, decides ``camera_model: auto``.
    """

    def __init__(self, settings: Settings, image_topic: str) -> None:
        """Start with no message."""
        self.image_topic = image_topic
        self.buffer = TransformBuffer()
        self._info: CameraInfo | None = None
        self._camera: Camera | None = None
        self._camera_problem = ''
        self._depth: deque[tuple[int, Image]] = deque(maxlen=DEPTH_IMAGES)
        self._queue: deque[_Waiting[Pair]] = deque()
        self._last: int | None = None
        self.ignored_transforms = 0
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next pair on."""
        self._settings = settings
        self.poses_wanted = world_config(settings) is not None
        self.wanted = camera_wanted(settings)
        self.depth_wanted = settings.world == 'depth'
        model = settings.camera_model
        self._rectified = model == 'rectified' or (
            model == 'auto' and 'rect' in self.image_topic.lower())
        if self._info is not None:
            self._read_camera(self._info)
        if not self.depth_wanted:
            self._depth.clear()

    def add_camera_info(self, message: CameraInfo) -> str:
        """Take in the calibration of the camera, the newest counts; return what has changed."""
        before = self._info
        if before is not None and _same(message, before):
            return ''
        self._read_camera(message)
        return '' if before is None else (
            f'camera_info changed: {before.width}x{before.height} pixels with focal length '
            f'{before.k[0]:g} before, {message.width}x{message.height} with {message.k[0]:g} now')

    def _read_camera(self, message: CameraInfo) -> None:
        self._info = message
        self._camera, self._camera_problem = None, ''
        try:
            self._camera = read_camera(message, self._rectified)
        except CameraError as error:
            self._camera_problem = str(error)

    def add_depth(self, message: Image) -> None:
        """Take in a depth image."""
        self._depth.append((nanoseconds(message.header.stamp), message))

    def add_transforms(self, message: TFMessage, static: bool) -> list[str]:
        """Take in transforms; return in words what is wrong with those that were ignored."""
        problems = []
        for parent, child, stamp, translation, rotation in read_transforms(message):
            try:
                self.buffer.add(parent, child, stamp, translation, rotation, static)
            except ValueError as error:
                self.ignored_transforms += 1
                problems.append(str(error))
        return problems

    def take(self, role: str, message: Any) -> bool:
        """
        Take in a message by what it is, and return whether it was one for here.

        :param role: ``camera_info``, ``transforms``, ``static`` or ``depth``.
        """
        if role == 'camera_info':
            self.add_camera_info(message)
        elif role == 'depth':
            self.add_depth(message)
        elif role in ('transforms', 'static'):
            self.add_transforms(message, role == 'static')
        else:
            return False
        return True

    def offer(self, frame: str, stamp: int, pair: Pair, now: float) -> None:
        """
        Take a pair; :meth:`released` hands it out.

        :param frame: of its image; :param stamp: nanoseconds.
        :param now: seconds, of any clock that :meth:`released` gets, too.
        """
        jump = round(self._settings.time_jump_reset * NANOSECONDS)
        if self._last is not None and self._last - stamp > jump:
            self.buffer.forget_after(stamp + jump)
            self._depth.clear()
        self._last = stamp
        self._queue.append(_Waiting(frame, stamp, now + self._settings.transform_timeout, pair))

    def waiting(self) -> int:
        """Return how many pairs wait."""
        return len(self._queue)

    def clear(self) -> int:
        """Forget the pairs that wait and return how many they were."""
        count = len(self._queue)
        self._queue.clear()
        return count

    def released(self, now: float) -> Iterator[tuple[Pair, Sight | None]]:
        """Yield, in their order, the pairs that have all they need, or have waited too long."""
        while self._queue:
            first = self._queue[0]
            sight = None
            if self.wanted:
                sight, late = self._look(first.frame, first.stamp)
                if late and now < first.deadline:
                    return
            self._queue.popleft()
            yield first.pair, sight

    def _look(self, frame: str, stamp: int) -> tuple[Sight, bool]:
        """Return what is known of the camera, and whether more may come."""
        settings = self._settings
        problems: dict[str, str] = {}
        if self._camera is None:
            problems['camera_info'] = self._camera_problem or 'no camera_info has come'
        found: dict[str, Transform] = {}
        late = False
        wanted = (('transforms', settings.fixed_frame), ('base', settings.base_frame))
        for name, target in wanted if self.poses_wanted else ():
            try:
                if not frame:
                    raise TransformError('the image has no frame_id', late=False)
                found[name] = self.buffer.lookup(target, frame, stamp)
            except TransformError as error:
                problems[name] = (f'no pose of {frame or "the camera"} in {target}: {error}'
                                  f'{self._cure(error)}')
                late = late or error.late
        if 'transforms' in found and (up := found['transforms'].rotation[2, 2]) > UPWARDS:
            problems['optical_frame'] = (
                f'{frame} looks {math.degrees(math.asin(min(up, 1.0))):.0f} degrees upwards in '
                f'{settings.fixed_frame}: the image needs the frame_id of the optical frame, z '
                f'ahead and y down (REP 103)')
        depth, lag = None, 0.0
        if self.depth_wanted:
            depth, lag, soon = self._nearest_depth(stamp)
            late = late or soon
            if depth is None:
                problems['depth'] = self._no_depth(stamp)
            elif why := self._elsewhere(depth, frame, stamp):
                depth, problems['depth'] = None, why
        return Sight(self._camera, found.get('transforms'), found.get('base'), depth, lag,
                     problems), late and self._camera is not None

    def _cure(self, error: TransformError) -> str:
        """Return what helps where transforms come less often than images wait for them."""
        patience = self._settings.transform_timeout
        if error.interval < 0.9 * patience or not error.interval:
            return ''
        return (f'; it comes every {error.interval:.3g} s, so transform_timeout must be longer '
                f'than {patience:g} s')

    def _elsewhere(self, depth: Image, frame: str, stamp: int) -> str:
        """Return in words that a depth image is not seen from where the image is."""
        own = str(depth.header.frame_id).lstrip('/')
        if own in ('', frame.lstrip('/')):
            return ''
        try:
            apart = self.buffer.lookup(frame, own, stamp)
            turn = float(np.linalg.norm(apart.rotation - np.eye(3)))
            if np.linalg.norm(apart.translation) < SAME_PLACE and turn < SAME_TURN:
                return ''
        except TransformError:
            pass  # nothing says that they are at one place: refused below
        return (f'the depth image is in {own}, the image in {frame}: it must be registered to the '
                f'image and have its frame_id (REP 118)')

    def _nearest_depth(self, stamp: int) -> tuple[Image | None, float, bool]:
        """Return the depth image of a stamp, by how much it differs, whether a nearer may come."""
        if not self._depth:
            return None, 0.0, False
        nearest, image = min(self._depth, key=lambda one: abs(one[0] - stamp))
        gap = abs(nearest - stamp)
        soon = all(one[0] < stamp for one in self._depth)
        if gap > round(self._settings.depth_tolerance * NANOSECONDS):
            return None, 0.0, soon
        return image, gap / NANOSECONDS, soon

    def _no_depth(self, stamp: int) -> str:
        if not self._depth:
            return 'no depth image has come'
        gap = min(abs(one[0] - stamp) for one in self._depth) / NANOSECONDS
        return (f'the nearest depth image is {gap:.3f} s from the image, more than '
                f'depth_tolerance {self._settings.depth_tolerance:g} s')


def camera_wanted(settings: Settings) -> bool:
    """Return whether anything asks for ``camera_info``."""
    return world_config(settings) is not None or settings.detections_type in SOLID


def _same(one: CameraInfo, other: CameraInfo) -> bool:
    """Return whether two messages describe the same camera."""
    return all((list(getattr(one, name)) == list(getattr(other, name)))
               for name in ('k', 'p', 'd', 'r')) and all(
        getattr(one, name) == getattr(other, name)
        for name in ('width', 'height', 'distortion_model', 'binning_x', 'binning_y', 'roi'))
