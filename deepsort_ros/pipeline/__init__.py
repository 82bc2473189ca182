"""
One frame's way from detections to tracks.

The live node, ``deepsort bag`` and ``deepsort track`` are shells around :class:`Pipeline`: what
one computes, the others compute bit for bit, unless the node is short of time and drops images
or computes fewer features.
"""
from deepsort_ros.pipeline.frames import AppearanceEncoder
from deepsort_ros.pipeline.frames import Frame
from deepsort_ros.pipeline.frames import FrameResult
from deepsort_ros.pipeline.frames import NANOSECONDS
from deepsort_ros.pipeline.parts import appearance_limit
from deepsort_ros.pipeline.parts import tracker_config
from deepsort_ros.pipeline.parts import world_config
from deepsort_ros.pipeline.pipeline import Pipeline
from deepsort_ros.pipeline.selection import publishable
from deepsort_ros.pipeline.selection import published
from deepsort_ros.pipeline.selection import wanted

__all__ = [
    'AppearanceEncoder', 'Frame', 'FrameResult', 'NANOSECONDS', 'Pipeline', 'appearance_limit',
    'publishable', 'published', 'tracker_config', 'wanted', 'world_config']
