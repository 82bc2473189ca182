"""The node's side of the world: further subscriptions, and positions, markers and frames out."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from deepsort_ros.msg import TrackArray
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.ros.distro import ClockType
from deepsort_ros.ros.frames import ImageMessage
from deepsort_ros.ros.frames import Tracked
from deepsort_ros.ros.health.log import NodeLog
from deepsort_ros.ros.health.qos import publisher_events
from deepsort_ros.ros.health.qos import reliable_qos
from deepsort_ros.ros.health.self_report import SelfReport
from deepsort_ros.ros.health.world import WorldMonitor
from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.markers import Markers
from deepsort_ros.ros.messages.world import write_world
from deepsort_ros.ros.subscribing import Subscribed
from deepsort_ros.ros.world_inputs import Sight
from deepsort_ros.ros.world_inputs import WorldInputs
from deepsort_ros.settings import Settings
from deepsort_ros.world.world import Counts

TF_DEPTH = 100
# Steady seconds between two looks for pairs that have waited too long.
PATIENCE = 0.01
# What a name of a frame is made of.
NOT_IN_NAMES = re.compile('[^A-Za-z0-9_]+')

Send = Callable[[ImageMessage, Detection2DArray, Sight | None], None]


class WorldTopics:
    """
    Subscribes to what says where the camera was, and publishes where the tracks are.

    Without a setting that asks for it nothing is subscribed, and pairs go right through.

    :param send: takes pairs with what is known of the camera.
    """

    def __init__(self, node: LifecycleNode, settings: Settings, pipeline: Pipeline,
                 report: SelfReport, send: Send) -> None:
        """Subscribe to nothing yet."""
        self._node = node
        self._settings = settings
        self._pipeline = pipeline
        self._report = report
        self._send = send
        self._monitor = WorldMonitor()
        self._log = NodeLog(node)
        self._inputs: WorldInputs[tuple[ImageMessage, Detection2DArray]] = WorldInputs(
            settings, node.resolve_topic_name('image'))
        self._markers = Markers()
        self._subscriptions: dict[str, Subscribed] = {}
        self._timer: Any = None
        self._frames: Any = None
        self._active = False
        self._jumps = 0

    # Lifecycle, on the executor's thread

    def configure(self) -> None:
        """Create the publishers."""
        common = {'qos_overriding_options': QoSOverridingOptions.with_default_policies()}
        tracks = self._node.resolve_topic_name('tracks')
        self._world, self._drawn = (
            self._node.create_lifecycle_publisher(
                kind, topic, reliable_qos(), **common,
                event_callbacks=publisher_events(partial(self._report.qos_problem, topic)))
            for kind, topic in ((Detection3DArray, f'{tracks}/world'),
                                (MarkerArray, f'{tracks}/markers')))
        if self._settings.publish_tf:
            self._frames = self._node.create_publisher(
                TFMessage, '/tf', QoSProfile(depth=TF_DEPTH), **common)

    def cleanup(self) -> None:
        """Destroy the publishers."""
        for publisher in (self._world, self._drawn):
            self._node.destroy_lifecycle_publisher(publisher)
        if self._frames is not None:
            self._node.destroy_publisher(self._frames)
            self._frames = None

    def activate(self) -> None:
        """Subscribe to what the settings ask for."""
        self._active = True
        self._subscribe()

    def follow(self) -> None:
        """Ask for the quality of service that the publishers offer."""
        for subscription in self._subscriptions.values():
            subscription.follow()

    def deactivate(self) -> None:
        """Unsubscribe; transforms are kept, for those that hold for ever come only once."""
        self._active = False
        self._subscribe()

    def apply(self, settings: Settings) -> None:
        """Use other settings from the next pair on."""
        self._settings = settings
        self._inputs.apply(settings)
        self._subscribe()
        self._release()

    def _subscribe(self) -> None:
        """Subscribe to what is wanted now and to nothing else."""
        wanted: dict[str, tuple[Any, str, Any, dict[str, Any]]] = {}
        if self._active and self._inputs.wanted:
            latched = {'depth': TF_DEPTH, 'durability': QoSDurabilityPolicy.TRANSIENT_LOCAL}
            wanted = {'camera_info': (CameraInfo, 'camera_info', self._on_camera_info, {})}
            if self._inputs.poses_wanted:
                wanted.update({
                    'tf': (TFMessage, '/tf', partial(self._on_transforms, static=False),
                           {'depth': TF_DEPTH}),
                    'tf_static': (TFMessage, '/tf_static',
                                  partial(self._on_transforms, static=True), latched)})
            if self._inputs.depth_wanted:
                wanted['depth'] = (Image, 'depth', self._on_depth, {})
        for name in self._subscriptions.keys() - wanted.keys():
            self._subscriptions.pop(name).end()
        for name in wanted.keys() - self._subscriptions.keys():
            kind, topic, callback, qos = wanted[name]
            self._subscriptions[name] = Subscribed(
                self._node, kind, topic, callback, partial(self._report.qos_problem, topic), **qos)
        if wanted and self._timer is None:
            self._timer = self._node.create_timer(
                PATIENCE, self._release, clock=Clock(clock_type=ClockType.STEADY_TIME))
        elif not wanted and self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    # Messages in, on the executor's thread

    def _on_camera_info(self, message: CameraInfo) -> None:
        if change := self._inputs.add_camera_info(message):
            self._log.warn(change, change)

    def _on_depth(self, message: Image) -> None:
        self._inputs.add_depth(message)
        self._release()

    def _on_transforms(self, message: TFMessage, static: bool) -> None:
        for problem in self._inputs.add_transforms(message, static):
            self._log.warn('transform', problem)
        self._release()

    def offer(self, image: ImageMessage, detections: Detection2DArray) -> None:
        """Send a pair on as soon as its transforms are there, or when they do not come."""
        self._inputs.offer(image.header.frame_id, nanoseconds(image.header.stamp),
                           (image, detections), time.monotonic())
        self._release()

    def clear(self) -> int:
        """Forget the pairs that wait and return how many they were."""
        return self._inputs.clear()

    def _release(self) -> None:
        for (image, detections), sight in self._inputs.released(time.monotonic()):
            self._send(image, detections, sight)

    # Frames out, on the worker's thread

    def publish(self, tracked: Tracked, sight: Sight | None) -> None:
        """Publish where the tracks of a frame are, and take note of what it lacked."""
        message, positions = tracked.message, tracked.positions
        if sight is None:
            return
        world = self._pipeline.world
        counts = Counts() if world is None else world.counts
        for name in self._monitor.saw(tracked.world_problems, counts, sight.depth_lag):
            why = self._monitor.words(name)
            self._log.warn(f'{name} missing' if why else f'{name} there', why or (
                f'{name}: there again'))
        if counts.jumps != self._jumps:
            self._jumps = counts.jumps
            frame = self._settings.fixed_frame
            hint = '' if frame != 'map' else ' (localisation corrects map: use odom)'
            self._log.warn('jump', f'the pose of the camera jumped in {frame}{hint}, not '
                                   f'followed: {counts.last_jump}')
        if message is None or positions is None:
            return
        if self._world.get_subscription_count():
            self._world.publish(write_world(message, positions.size))
        if self._drawn.get_subscription_count():
            self._drawn.publish(self._markers.draw(message, positions.size))
        else:
            self._markers.clear()
        if self._frames is not None:
            self._frames.publish(_frames(message))

    def situation(self) -> tuple[list[str], str, dict[str, str | int]] | None:
        """Return warnings, what is fine and numbers for diagnostics, None when nothing asks."""
        if not self._inputs.wanted:
            return None
        warnings, fine, values = self._monitor.report()
        if not self._inputs.poses_wanted:
            fine = 'the camera is known'
        topics = {name: one.topic_name for name, one in self._subscriptions.items()}
        for name in ('camera_info', 'depth'):
            if name in topics:
                values[f'{name}_topic'] = topics[name]
                if not self._node.count_publishers(topics[name]):
                    warnings.append(f'{topics[name]} has no publisher')
        values['waiting'] = self._inputs.waiting()
        values['transforms_ignored'] = self._inputs.ignored_transforms
        return warnings, fine, values


def _frames(message: TrackArray) -> TFMessage:
    """Return a frame for each track that has a position."""
    transforms = []
    for track in message.tracks:
        if not track.position_source:
            continue
        name = NOT_IN_NAMES.sub('_', track.class_id) or 'object'
        one = TransformStamped(child_frame_id=f'{name}_{track.id}')
        one.header.stamp, one.header.frame_id = message.header.stamp, message.world_frame
        place, move = track.pose.pose.position, one.transform.translation
        move.x, move.y, move.z = place.x, place.y, place.z
        one.transform.rotation = track.pose.pose.orientation
        transforms.append(one)
    return TFMessage(transforms=transforms)
