"""The topics and services of the node, as the documentation shows them."""
from __future__ import annotations

from typing import NamedTuple

# In the meaning of topics that are not always there.
ONLY_WITH = 'only with'


class Topic(NamedTuple):
    """A topic: name, type, whether the node publishes or subscribes, what it carries."""

    name: str
    type: str
    direction: str
    meaning: str


class Service(NamedTuple):
    """A service: name, type, what it does."""

    name: str
    type: str
    meaning: str


TOPICS = (
    Topic('image', 'sensor_msgs/msg/Image', 'in',
          'any common encoding, padded rows included; as reliable as its publishers are'),
    Topic('image/compressed', 'sensor_msgs/msg/CompressedImage', 'in',
          'JPEG or PNG, instead of `image` with `image_transport: compressed`'),
    Topic('detections', 'vision_msgs/msg/Detection2DArray', 'in',
          'with the stamp of their image; the best hypothesis of each detection counts; '
          '`detections_type` names other messages'),
    Topic('camera_info', 'sensor_msgs/msg/CameraInfo', 'in',
          'calibration of the camera; only with `world`, `camera_motion: tf`, or detections in '
          'space'),
    Topic('depth', 'sensor_msgs/msg/Image', 'in',
          'registered to the image, 16UC1 (mm) or 32FC1 (m); only with `world: depth`'),
    Topic('/tf', 'tf2_msgs/msg/TFMessage', 'in',
          'and `/tf_static`: camera to `base_frame` and `fixed_frame`; only with `world` or '
          '`camera_motion: tf`'),
    Topic('tracks', 'deepsort_ros/msg/TrackArray', 'out',
          'one for every image with detections, under the header of the image'),
    Topic('tracks/detections', 'vision_msgs/msg/Detection2DArray', 'out',
          'the same tracks with `id` filled in; only while subscribed'),
    Topic('tracks/annotations', 'visualization_msgs/msg/ImageMarker', 'out',
          'their boxes as lines, for viewers that lay them over the image (Foxglove); only while '
          'subscribed'),
    Topic('tracks/world', 'vision_msgs/msg/Detection3DArray', 'out',
          'the tracks with a position in `fixed_frame`, with covariance; only with `world`, while '
          'subscribed'),
    Topic('tracks/markers', 'visualization_msgs/msg/MarkerArray', 'out',
          'the same as cylinders or boxes with names, velocities and trails, for RViz and '
          'Foxglove; only with `world`, while subscribed'),
    Topic('~/overlay', 'sensor_msgs/msg/Image', 'out',
          'the image with boxes, ids and trails; only while subscribed'),
    Topic('/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', 'out',
          'once a second: inputs, tracking and appearance, problems in words'),
)
SERVICES = (
    Service('~/reset', 'std_srvs/srv/Trigger',
            'drop all tracks, raise `session` by one, try a failed network again; ids go on'),
    Service('~/enable', 'std_srvs/srv/SetBool', 'false: ignore all messages until true'),
)


def topics_text() -> str:
    """Return the topic table of the documentation."""
    rows = [f'| {t.direction} | `{t.name}` | `{t.type}` | {t.meaning} |' for t in TOPICS]
    return '\n'.join(['| | topic | type | |', '|---|---|---|---|', *rows]) + '\n'


def services_text() -> str:
    """Return the service table of the documentation."""
    rows = [f'| `{s.name}` | `{s.type}` | {s.meaning} |' for s in SERVICES]
    return '\n'.join(['| service | type | |', '|---|---|---|', *rows]) + '\n'
