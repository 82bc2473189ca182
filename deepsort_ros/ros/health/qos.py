"""Quality of service: what the node asks for and offers, and misfits in words."""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from rclpy.qos import qos_check_compatible
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos import QoSCompatibility
from rclpy.qos import QoSProfile

from deepsort_ros.ros.distro import PublisherEventCallbacks
from deepsort_ros.ros.distro import SubscriptionEventCallbacks


def reliable_qos() -> QoSProfile:
    """Return a profile of its own: rclpy writes qos_overrides into the one it is given."""
    return QoSProfile(depth=10)


def all_connect(publishers: Iterable[Any], profile: QoSProfile) -> bool:
    """Return whether all publishers of a topic offer what a subscription asks for."""
    return all(qos_check_compatible(publisher.qos_profile, profile)[0]
               != QoSCompatibility.ERROR for publisher in publishers)


def subscription_events(tell: Callable[[str], object]) -> SubscriptionEventCallbacks:
    """Return callbacks that tell of a publisher that cannot connect."""
    return SubscriptionEventCallbacks(incompatible_qos=lambda event: tell(
        f'a publisher offers another {_policy(event)} than we ask for, so nothing of it arrives '
        f'(see qos_overrides)'))


def publisher_events(tell: Callable[[str], object]) -> PublisherEventCallbacks:
    """Return callbacks that tell of a subscriber that cannot connect."""
    return PublisherEventCallbacks(incompatible_qos=lambda event: tell(
        f'a subscriber asks for another {_policy(event)} than we offer, so it gets nothing '
        f'(see qos_overrides)'))


def _policy(event: Any) -> str:
    return str(qos_policy_name_from_kind(event.last_policy_kind)).lower()
