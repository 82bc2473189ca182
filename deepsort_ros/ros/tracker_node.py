"""The lifecycle node ``tracker``: subscriptions, publishers, services and their wiring."""
from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2DArray
from visualization_msgs.msg import ImageMarker

from deepsort_ros.msg import TrackArray
from deepsort_ros.pipeline import NANOSECONDS
from deepsort_ros.pipeline import Pipeline
from deepsort_ros.ros import parameters
from deepsort_ros.ros.distro import ClockType
from deepsort_ros.ros.frames import ImageMessage
from deepsort_ros.ros.frames import track_pair
from deepsort_ros.ros.health.log import logged
from deepsort_ros.ros.health.qos import publisher_events
from deepsort_ros.ros.health.qos import reliable_qos
from deepsort_ros.ros.health.self_report import SelfReport
from deepsort_ros.ros.inputs import Inputs
from deepsort_ros.ros.lifecycle import refuse_impossible_transitions
from deepsort_ros.ros.messages.annotations import write_annotations
from deepsort_ros.ros.messages.conversions import write_mirror
from deepsort_ros.ros.messages.overlay import Overlay
from deepsort_ros.ros.worker import Job
from deepsort_ros.ros.worker import Worker
from deepsort_ros.ros.world_inputs import Sight
from deepsort_ros.ros.world_topics import WorldTopics
from deepsort_ros.samples import Samples
from deepsort_ros.serving.appearance import Appearance
from deepsort_ros.serving.shared_encoder import SharedEncoder
from deepsort_ros.settings import Settings

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
# Ids begin at 1 again after a restart. The first session is random, so (session, id) is new.
FIRST_SESSIONS = 2**31
# Seconds that a reset waits for the frame at work before it answers, and that a clean-up does.
ANSWER = 1.0
HANGING = 5.0
# Steady seconds between two looks whether the network is loaded, for images whose detections are
# overdue, and at what the publishers of the inputs offer.
LOADED = 0.05
PATIENCE = 0.02
FOLLOW = 0.2


class TrackerNode(LifecycleNode):
    """
    Track the detections of an image stream.

    Callbacks pair messages and return; the worker thread does everything else. The tracker
    outlives cleanup and configure, so that ids are never reused.

    :raises deepsort_ros.settings.SettingError: a parameter override is not acceptable.
    """

    def __init__(self, network: SharedEncoder, **node_options: Any) -> None:
        """
        Declare the parameters; the rest comes with the lifecycle.

        :param network: shared by all nodes of the process.
        """
        super().__init__('tracker', **node_options)
        refuse_impossible_transitions(self)
        self._settings = parameters.declare(self)
        if unknown := parameters.unknown(self):
            self.get_logger().warning(f'parameters that do not exist are ignored: {unknown}')
        network.agree(self._settings)
        self._pipeline = Pipeline(self._settings, None, session=secrets.randbelow(FIRST_SESSIONS))
        self._appearance = Appearance(
            self._pipeline, network, self.get_logger().error, self.get_logger().info)
        self._overlay = Overlay()
        self._samples = Samples()
        self._configured = False
        self._active = False
        self.failed = False
        self._loaded = threading.Event()
        self._last_tracked: int | None = None
        self._report = SelfReport(self)
        self._monitor = self._report.monitor
        self._world = WorldTopics(self, self._settings, self._pipeline, self._report, self._send)
        self._inputs = Inputs(self, self._settings, self._report, self._world.offer)
        self._worker = Worker(
            self._settings.queue_depth, self._track, self._report.overloaded, self._report.failed)
        parameters.on_change(self, lambda: self._settings, self._apply)
        self._clock_jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1),
                          on_clock_change=False), post_callback=self._clock_jumped)

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self._settings

    def autostart(self, active: Callable[[], object]) -> None:
        """
        Configure now, and activate once the network is loaded, or after ``load_wait``.

        The node has to spin meanwhile, so that it answers. A transition that fails shuts ROS down
        and sets ``failed``.

        :param active: called when the node is active.
        """
        started = time.monotonic()
        if self.trigger_configure() != SUCCESS:
            self._fail()
            return

        def go_on() -> None:
            waits = time.monotonic() - started < self._settings.load_wait
            if self._active or not self._configured:
                timer.cancel()  # someone else drives the lifecycle
            elif self._loaded.is_set() or not waits:
                timer.cancel()
                if self.trigger_activate() == SUCCESS:
                    active()
                else:
                    self._fail()

        timer = self.create_timer(LOADED, go_on, clock=Clock(clock_type=ClockType.STEADY_TIME))
        go_on()

    def _fail(self) -> None:
        self.failed = True
        self.context.try_shutdown()

    def close(self, timeout: float = 2.0) -> bool:
        """Stop the worker, destroy the node; False when the worker did not end in time [s]."""
        stopped = self._worker.stop(timeout)
        self._clock_jumps.unregister()
        self.destroy_node()
        return stopped

    def describe(self) -> str:
        """Return device and model in words."""
        if self._settings.appearance == 'off':
            return 'appearance off'
        if self._appearance.error:
            return 'by motion and overlap alone'
        facts = self._appearance.describe()
        return ', '.join(f'{name} {facts[name]}' for name in ('device', 'model') if name in facts)

    # Lifecycle

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Create publishers and services, begin to load the network."""
        common = {'qos_overriding_options': QoSOverridingOptions.with_default_policies()}
        # What is derived from the tracks follows when `tracks` is remapped.
        tracks = self.resolve_topic_name('tracks')
        self._tracks, self._mirror, self._annotations, self._drawn = (
            self.create_lifecycle_publisher(
                kind, topic, reliable_qos(), **common,
                event_callbacks=publisher_events(partial(self._report.qos_problem, topic)))
            for kind, topic in ((TrackArray, 'tracks'), (Detection2DArray, f'{tracks}/detections'),
                                (ImageMarker, f'{tracks}/annotations'), (Image, '~/overlay')))
        self._world.configure()
        # Not a lifecycle publisher: diagnostics say that the node is not active.
        self._diagnostics = self.create_publisher(
            DiagnosticArray, '/diagnostics', reliable_qos(), **common)
        self._services_of_life = [
            self.create_service(Trigger, '~/reset', self._reset),
            self.create_service(SetBool, '~/enable', self._enable)]
        # On the steady clock: with a /clock that stands still diagnostics matter most.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timers = [self.create_timer(1.0, self._diagnose, clock=steady),
                        self.create_timer(FOLLOW, self._follow, clock=steady)]
        if self._settings.assume_empty_after:
            self._timers.append(
                self.create_timer(PATIENCE, self._inputs.assume_empty, clock=steady))
        # Loaded by the thread that uses it, while this one answers.
        self._configured = True
        self._loaded = self._appearance.join(self._settings)
        return SUCCESS

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe."""
        self._inputs.subscribe()
        if unknown := parameters.unknown_overrides(self):
            self.get_logger().warning(f'qos_overrides that fit nothing are ignored: {unknown}')
        if not self._loaded.is_set():
            self.get_logger().warning(
                f'tracking by motion and overlap until the network is there '
                f'({self._appearance.describe().get("loading", "not loaded yet")})')
        self._world.activate()
        self._monitor.activated()
        self._active = True
        return super().on_activate(state)

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and forget what waits; tracks live on."""
        self._active = False
        self._inputs.unsubscribe()
        self._world.deactivate()
        self._forget_waiting('inactive')
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Destroy publishers and services, drop the tracks, release the network."""
        self._configured = False
        self._worker.request(self._appearance.leave)
        if not self._restart()[0].wait(HANGING):
            self.get_logger().error(
                f'clean-up: the frame at work has not ended within {HANGING:g} s, its device may '
                f'hang: tracks are dropped once it does')
            self._configured = True
            return FAILURE
        for publisher in (self._tracks, self._mirror, self._annotations, self._drawn):
            self.destroy_lifecycle_publisher(publisher)
        self._world.cleanup()
        self.destroy_publisher(self._diagnostics)
        for service in self._services_of_life:
            self.destroy_service(service)
        for timer in self._timers:
            self.destroy_timer(timer)
        return SUCCESS

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop taking messages; the process stays until it gets a signal."""
        return self.on_deactivate(state) if self._active else SUCCESS

    def _send(self, image: ImageMessage, detections: Detection2DArray | None,
              sight: Sight | None) -> None:
        self._worker.add(Job(image, detections, time.monotonic(), sight))

    # Frames, on the worker's thread

    def _track(self, job: Job) -> None:
        self._appearance.before_frame(self._worker.time_left(time.monotonic()))
        tracked = track_pair(self._pipeline, job.image, job.detections, job.sight,
                             self._samples)
        self._report.tracked(tracked, self._settings, self._samples)
        message = tracked.message
        if message is None:
            return
        self._last_tracked = tracked.frame.stamp
        self._tracks.publish(message)
        self._world.publish(tracked, job.sight)
        self._report.published(job, tracked, self._settings)
        if self._mirror.get_subscription_count():
            self._mirror.publish(write_mirror(message))
        if self._annotations.get_subscription_count():
            self._annotations.publish(write_annotations(message))
        if self._drawn.get_subscription_count() and tracked.frame.image is not None:
            self._drawn.publish(self._overlay.draw(
                tracked.frame.image, tracked.frame.encoding, message))

    # Changes from outside, on the executor's thread

    def _apply(self, settings: Settings) -> None:
        self._settings = settings
        self._inputs.apply(settings)
        self._worker.request(lambda: self._pipeline.apply(settings))
        self._world.apply(settings)
        if self._configured:
            # In the order of the changes, between two frames.
            self._worker.request(partial(self._appearance.join, settings))

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        done, sessions = self._restart()
        response.success = True
        # The frame at work may begin a session as well: only after it the number is known.
        response.message = (
            f'all tracks dropped, session {sessions[0]} begins' if done.wait(ANSWER) and sessions
            else 'all tracks will be dropped after the frame at work, the next session begins')
        self.get_logger().info(response.message)
        return response

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._inputs.enabled = request.data
        if not request.data:
            self._forget_waiting('disabled')
        response.success = True
        response.message = 'tracking' if request.data else 'disabled, messages are ignored'
        return response

    def _restart(self) -> tuple[threading.Event, list[int]]:
        """Forget all that waits and all tracks; return an event, and then the new session."""
        self._forget_waiting('reset')
        sessions: list[int] = []

        def restart() -> None:
            self._pipeline.reset()
            self._last_tracked = None
            self._overlay.clear()
            self._appearance.retry()
            sessions.append(self._pipeline.session)

        return self._worker.request(restart), sessions

    def _forget_waiting(self, reason: str) -> None:
        self._monitor.drop(reason, self._worker.clear() + self._world.clear())
        self._inputs.clear()

    def _clock_jumped(self, jump: TimeJump) -> None:
        limit = round(self._settings.time_jump_reset * NANOSECONDS)
        if -jump.delta.nanoseconds <= limit:
            return
        self._inputs.clock_jumped()
        now = self.get_clock().now().nanoseconds

        def restart_unless_done() -> None:
            # The stamps may have jumped before the clock did: one jump, one reset.
            if self._last_tracked is not None and self._last_tracked - now > limit:
                self.get_logger().warning(
                    f'the clock went back by {-jump.delta.nanoseconds / NANOSECONDS:.1f} s: '
                    f'session {self._pipeline.session + 1} begins')
                self._pipeline.reset()
                self._last_tracked = None

        self._monitor.drop('other_time', self._worker.clear())
        self._worker.request(restart_unless_done)

    def _follow(self) -> None:
        self._inputs.follow()
        self._world.follow()

    def _diagnose(self) -> None:
        self._diagnostics.publish(self._report.diagnostics(
            problems=self._inputs.problems(), apart=self._inputs.apart(),
            active=self._active, enabled=self._inputs.enabled, pairing=self._inputs.counts,
            waiting_pairs=self._inputs.waiting(), queue=self._worker.waiting(),
            session=self._pipeline.session, world=self._world.situation(),
            appearance_mode=self._settings.appearance, appearance=self._appearance.describe(),
            appearance_error=(None if self._settings.appearance == 'off'
                              else self._appearance.error)))
