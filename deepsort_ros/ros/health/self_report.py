"""What the node says about itself: its warnings and its diagnostics."""
from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.ros.frames import Tracked
from deepsort_ros.ros.health.diagnostics import IGNORED
from deepsort_ros.ros.health.diagnostics import Monitor
from deepsort_ros.ros.health.diagnostics import OUTSIDE
from deepsort_ros.ros.health.diagnostics import Situation
from deepsort_ros.ros.health.graph import Crowd
from deepsort_ros.ros.health.graph import silences
from deepsort_ros.ros.health.log import NodeLog
from deepsort_ros.ros.health.qos import all_connect
from deepsort_ros.ros.stamps import clock_problem
from deepsort_ros.ros.stamps import missing_stamps
from deepsort_ros.ros.subscribing import Subscribed
from deepsort_ros.ros.worker import Job
from deepsort_ros.samples import Samples
from deepsort_ros.settings import Settings


class SelfReport:
    """
    Counts what happens to a node and tells it, to people by the log and to all by diagnostics.

    :ivar monitor: what was counted.
    :ivar subscriptions: ``image`` and ``detections``, while there are such.
    """

    def __init__(self, node: Node) -> None:
        """Speak for a node."""
        self.monitor = Monitor()
        self.subscriptions: dict[str, Subscribed] = {}
        self._node = node
        self._log = NodeLog(node)
        self._crowd = Crowd()
        self._lasting: set[str] = set()
        self._bits: int | None = None

    # The graph

    def qos_problem(self, topic: str, problem: str) -> None:
        """Tell of an endpoint that cannot connect to a topic."""
        self._log.warn(f'qos {topic}', f'{self._node.resolve_topic_name(topic)}: {problem}')

    def input_qos_problem(self, name: str, problem: str) -> None:
        """Tell of a publisher that cannot connect to an input."""
        self.monitor.inputs[name].qos_problem = problem
        self.qos_problem(self._topics()[name], problem)

    def unstamped(self, name: str) -> None:
        """Count a message without a stamp; log the first one."""
        entry, topic = self.monitor.inputs[name], self._topics()[name]
        entry.unstamped += 1
        if not entry.stamp_problem:
            entry.stamp_problem = missing_stamps(
                name, self._node.get_publishers_info_by_topic(topic))
            self._node.get_logger().warning(f'{topic}: {entry.stamp_problem}')

    def _topics(self) -> dict[str, str]:
        found = {name: s.topic_name for name, s in self.subscriptions.items()}
        return {name: found.get(name) or self._node.resolve_topic_name(name)
                for name in ('image', 'detections')}

    def other_frame(self, image: str, detections: str) -> None:
        """Count a pair whose messages are of different frames; log the first one."""
        self.monitor.other_frame += 1
        if self.monitor.other_frame == 1:
            self._node.get_logger().warning(
                f'detections have the frame_id {detections!r} and their images {image!r}: are '
                'they of the same camera?')

    def _log_new(self) -> None:
        """Log a problem that keeps tracks from coming, once it is there."""
        for sign, text in self.monitor.lasting.items():
            if sign not in self._lasting:
                self._node.get_logger().warning(text)
        self._lasting = set(self.monitor.lasting)

    # Frames

    def tracked(self, tracked: Tracked, settings: Settings, samples: Samples) -> None:
        """Tell what was wrong with a frame; count it when its stamp had it dropped."""
        if tracked.result.reset:
            self._node.get_logger().warning(
                f'stamps jumped back by more than {settings.time_jump_reset:g} s: session '
                f'{tracked.result.session} begins')
        if samples.bits != self._bits:
            self._bits = samples.bits
            if words := samples.words():
                self._node.get_logger().warning(f'{self._topics()["image"]}: {words}')
        self.monitor.looked(tracked.frame, settings.appearance)
        if tracked.image_error:
            self.monitor.image_error(tracked.image_error)
            self._log.warn('image', f'image not readable, tracked by motion and overlap alone: '
                                    f'{tracked.image_error}')
        if tracked.message is None:
            self.monitor.drop('old_stamp')
            self._log.warn('old_stamp', 'frame dropped: its stamp is not later than that of the '
                                        'frame before')

    def published(self, job: Job, tracked: Tracked, settings: Settings) -> None:
        """Count a frame whose tracks have just been published, and what it took."""
        stages = {**tracked.stage_seconds, 'pair_to_tracks': time.monotonic() - job.arrived}
        clock = self._node.get_clock().now().nanoseconds
        if clock:
            stages['latency'] = (clock - tracked.frame.stamp) / NANOSECONDS
        self.monitor.sample(stages)
        result = tracked.result
        self._node.get_logger().debug(
            f'{tracked.frame.stamp}: {"no" if job.detections is None else "with"} detections, '
            f'{result.crops} features, pair to tracks {stages["pair_to_tracks"] * 1000:.1f} ms')
        tracks = len(tracked.message.tracks) if tracked.message else 0
        self.monitor.confirmed += result.confirmed
        self.monitor.limited += result.limited
        self.monitor.tracked(tracks, result.crops, result.ignored)
        if self.monitor.judged(tracked.frame.detections, result, settings, tracked.size):
            self._log.warn('scores', 'scores above 1: min_confidence and low_confidence apply to '
                           'them as they are, set them to the scale of the detector')
        detections = 0 if job.detections is None else len(job.detections.detections)
        for reason, words in IGNORED.items():
            if reason in result.ignored:
                self._log.warn(
                    reason, f'{result.ignored[reason]} of {detections} detections {words}')
        if tracked.outside:
            self.monitor.outside += tracked.outside
            self._log.warn('outside', f'{tracked.outside} of {detections} detections {OUTSIDE}')
        if 'max_detections' in result.ignored:
            self._log.warn('max_detections', f'{detections} detections in one image: only the '
                           f'best {settings.max_detections} are used (max_detections)')

    def overloaded(self) -> None:
        """Count a frame that had to make room."""
        self.monitor.drop('overload')
        self._log.warn('overload', 'the tracker is behind: the oldest waiting frame is dropped')

    def failed(self, error: Exception) -> None:
        """Count a frame whose processing raised an error."""
        self.monitor.drop('failed')
        self._log.warn('failed', f'frame dropped, {type(error).__name__}: {error}')

    # Diagnostics

    def diagnostics(self, **situation: Any) -> DiagnosticArray:
        """
        Return the diagnostics of the time since the last ones.

        :param situation: the fields of ``Situation`` that only the node knows.
        """
        node, topics = self._node, self._topics()
        for name, subscription in self.subscriptions.items():
            entry = self.monitor.inputs[name]
            if entry.qos_problem and all_connect(
                    node.get_publishers_info_by_topic(topics[name]), subscription.qos_profile):
                entry.qos_problem = ''
        publishers = {name: node.get_publishers_info_by_topic(topic)
                      for name, topic in topics.items()}
        silent = [name for name in self.monitor.silent() if name in self.subscriptions]
        crowd = self._crowd.problem(time.monotonic(), topics['image'], publishers['image'])
        problems = [*situation.pop('problems', ()), *([crowd] if crowd else ())]
        statuses = self.monitor.report(Situation(
            name=node.get_fully_qualified_name().lstrip('/'), topics=topics,
            publishers={name: len(found) for name, found in publishers.items()},
            silences=silences(node, topics, {name: s.kind for name, s in
                                             self.subscriptions.items()}, silent),
            clock_problem=clock_problem(node.get_clock()), problems=problems, **situation))
        self._log_new()
        message = DiagnosticArray(status=statuses)
        message.header.stamp = node.get_clock().now().to_msg()
        return message
