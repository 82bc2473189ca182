#!/usr/bin/env python3
"""
Detect people with OpenCV's built-in HOG detector: turns ``image`` into ``detections``.

It needs no model and no GPU, so that a webcam alone shows tracks. It finds upright people of 90
pixels and more, slowly; take a real detector for a robot.
"""
import argparse
from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from deepsort_ros.mot.people import PeopleDetector
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import read_image


class HogDetector(Node):
    """The node: detections under the header of their image, which the tracker pairs them by."""

    def __init__(self):
        """Subscribe."""
        super().__init__('hog_detector')
        self.detector = PeopleDetector()
        self.detections = self.create_publisher(Detection2DArray, 'detections', 10)
        self.create_subscription(Image, 'image', self.on_image, qos_profile_sensor_data)

    def on_image(self, message):
        """Detect."""
        pixels, encoding = read_image(message)
        found = self.detector.detect(pixels if encoding == 'bgr8' else pixels[..., ::-1])
        self.detections.publish(write_detections(found, message.header))


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_known_args()  # for --help
    rclpy.init()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(HogDetector())
    rclpy.try_shutdown()
