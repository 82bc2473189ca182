"""
A ``camera`` (ten images a second), or a ``detector`` that finds two people in every image.

``yolo`` is a detector with messages of its own.
"""
import sys
import time

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.messages.conversions import write_detections
from deepsort_ros.ros.messages.images import write_image
from deepsort_ros.tracking import Detections

BOXES = np.array([(5.0, 10, 12, 24), (40, 12, 12, 24)])


def camera(node):
    publisher = node.create_publisher(Image, '/image', 10)
    pixels = np.full((48, 64, 3), 90, np.uint8)
    node.create_timer(0.1, lambda: publisher.publish(write_image(
        pixels, 'bgr8', Header(stamp=time_message(time.time_ns()), frame_id='camera'))))


def detector(node):
    publisher = node.create_publisher(Detection2DArray, '/detections', 10)
    node.create_subscription(Image, '/image', lambda image: publisher.publish(
        write_detections(Detections.from_arrays(BOXES), image.header)), 10)


def yolo(node):
    from yolo_msgs.msg import Detection
    from yolo_msgs.msg import DetectionArray
    publisher = node.create_publisher(DetectionArray, '/detections', 10)

    def detect(image):
        found = []
        for left, top, width, height in BOXES.tolist():
            one = Detection(class_id=0, class_name='person', score=0.9)
            one.bbox.center.position.x = left + width / 2
            one.bbox.center.position.y = top + height / 2
            one.bbox.size.x, one.bbox.size.y = width, height
            found.append(one)
        publisher.publish(DetectionArray(header=image.header, detections=found))

    node.create_subscription(Image, '/image', detect, 10)


if __name__ == '__main__':
    role = sys.argv[1]
    rclpy.init()
    peer = rclpy.create_node(role)
    {'camera': camera, 'detector': detector, 'yolo': yolo}[role](peer)
    rclpy.spin(peer)
