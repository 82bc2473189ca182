"""Subscriptions that are as reliable as the publishers of their topic are."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSPolicyKind
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

from deepsort_ros.ros.distro import given_parameters
from deepsort_ros.ros.health.qos import subscription_events

DEPTH = 10
RELIABLE = QoSReliabilityPolicy.RELIABLE
BEST_EFFORT = QoSReliabilityPolicy.BEST_EFFORT


class Subscribed:
    """
    Subscribes to a topic, reliably where all its publishers are reliable.

    What does not fit into the shared memory of the publisher is then sent again instead of lost:
    colour images of a VGA camera, with the defaults of Fast DDS. A publisher that is best effort
    connects as well, :meth:`follow` sees to that. A reliability given in ``qos_overrides`` stays.

    All of it runs on the executor's thread.
    """

    def __init__(self, node: Node, kind: Any, topic: str, callback: Callable[[Any], object],
                 tell: Callable[[str], object], depth: int = DEPTH,
                 durability: QoSDurabilityPolicy = QoSDurabilityPolicy.VOLATILE) -> None:
        """
        Subscribe.

        :param tell: called with a text when a publisher cannot connect and never will.
        """
        self._node = node
        self._kind = kind
        self._callback = callback
        self._tell = tell
        self._depth, self._durability = depth, durability
        self.topic_name = node.resolve_topic_name(topic)
        override = f'qos_overrides.{self.topic_name}.subscription.reliability'
        self._fixed = override in given_parameters(node)
        self._subscription = self._subscribe(self._wanted())

    @property
    def kind(self) -> Any:
        """Return the class of the messages."""
        return self._kind

    @property
    def qos_profile(self) -> QoSProfile:
        """Return what is asked for now."""
        return self._subscription.qos_profile

    def follow(self) -> None:
        """Ask for what the publishers offer; to be called now and then."""
        wanted = self._wanted()
        if not self._fixed and wanted != self.qos_profile.reliability:
            self.end()
            self._subscription = self._subscribe(wanted)

    def end(self) -> None:
        """Take no more messages."""
        self._node.destroy_subscription(self._subscription)

    def _wanted(self) -> QoSReliabilityPolicy:
        offered = [publisher.qos_profile.reliability
                   for publisher in self._node.get_publishers_info_by_topic(self.topic_name)]
        return BEST_EFFORT if BEST_EFFORT in offered else RELIABLE

    def _subscribe(self, reliability: QoSReliabilityPolicy) -> Any:
        # A parameter, once declared, would keep the reliability as it is.
        options = (QoSOverridingOptions.with_default_policies() if self._fixed
                   else QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)))
        return self._node.create_subscription(
            self._kind, self.topic_name, self._callback,
            QoSProfile(depth=self._depth, durability=self._durability, reliability=reliability),
            qos_overriding_options=options, event_callbacks=subscription_events(self._misfit))

    def _misfit(self, problem: str) -> None:
        if self._fixed or 'another reliability' not in problem:
            self._tell(problem)
