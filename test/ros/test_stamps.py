"""Messages without a stamp get the best one there is."""
from types import SimpleNamespace

from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from deepsort_ros.ros.messages.conversions import nanoseconds
from deepsort_ros.ros.messages.conversions import time_message
from deepsort_ros.ros.stamps import missing_stamps
from deepsort_ros.ros.stamps import Stamps


def message(kind, stamp):
    return kind(header=Header(stamp=time_message(stamp), frame_id='camera'))


def test_a_stamp_is_left_as_it_is():
    image = message(Image, 7)
    assert Stamps().of(image, received=100) == (7, False)
    assert nanoseconds(image.header.stamp) == 7


def test_an_image_without_a_stamp_is_stamped_when_it_is_received():
    image = message(CompressedImage, 0)
    assert Stamps().of(image, received=100) == (100, True)
    assert nanoseconds(image.header.stamp) == 100 and image.header.frame_id == 'camera'


def test_detections_without_a_stamp_belong_to_the_image_before_them():
    for stamp, belongs_to in ((0, 100), (50, 50)):
        stamps = Stamps()
        stamps.of(message(Image, stamp), received=100)
        assert stamps.of(message(Detection2DArray, 0), received=105) == (belongs_to, True)
    assert Stamps().of(message(Detection2DArray, 0), received=105) == (105, True)


def test_the_publisher_is_named():
    driver = SimpleNamespace(node_name='driver', node_namespace='/front')
    lone = SimpleNamespace(node_name='old_driver', node_namespace='/')
    text = missing_stamps('image', [driver, lone, driver])
    assert 'published by /front/driver, /old_driver:' in text
