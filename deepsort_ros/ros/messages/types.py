"""
The message classes: those of ROS where it is installed, else stand-ins with the same fields.

Code that turns messages into arrays and back takes its classes from here, and so runs offline on
machines without ROS.
"""
from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING or find_spec('rclpy') is not None:
    from builtin_interfaces.msg import Time
    from rclpy.serialization import deserialize_message
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import CameraInfo
    from sensor_msgs.msg import CompressedImage
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from tf2_msgs.msg import TFMessage
    from vision_msgs.msg import BoundingBox2D
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import Detection3D
    from vision_msgs.msg import Detection3DArray
    from vision_msgs.msg import ObjectHypothesisWithPose

    from deepsort_ros.msg import Track
    from deepsort_ros.msg import TrackArray
else:
    from deepsort_ros.ros.messages.stand_ins import deserialize_message
    from deepsort_ros.ros.messages.stand_ins import message_class
    from deepsort_ros.ros.messages.stand_ins import serialize_message

    Time = message_class('builtin_interfaces/msg/Time')
    Header = message_class('std_msgs/msg/Header')
    Image = message_class('sensor_msgs/msg/Image')
    CompressedImage = message_class('sensor_msgs/msg/CompressedImage')
    CameraInfo = message_class('sensor_msgs/msg/CameraInfo')
    TFMessage = message_class('tf2_msgs/msg/TFMessage')
    BoundingBox2D = message_class('vision_msgs/msg/BoundingBox2D')
    Detection2D = message_class('vision_msgs/msg/Detection2D')
    Detection2DArray = message_class('vision_msgs/msg/Detection2DArray')
    Detection3D = message_class('vision_msgs/msg/Detection3D')
    Detection3DArray = message_class('vision_msgs/msg/Detection3DArray')
    ObjectHypothesisWithPose = message_class('vision_msgs/msg/ObjectHypothesisWithPose')
    Track = message_class('deepsort_ros/msg/Track')
    TrackArray = message_class('deepsort_ros/msg/TrackArray')

__all__ = [
    'BoundingBox2D', 'CameraInfo', 'CompressedImage', 'Detection2D', 'Detection2DArray',
    'Detection3D', 'Detection3DArray', 'Header', 'Image', 'ObjectHypothesisWithPose',
    'TFMessage', 'Time', 'Track', 'TrackArray', 'deserialize_message', 'serialize_message']
