"""An input on which nothing arrives: the graph says why, in diagnostics and log."""
import live
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray
from vision_msgs.msg import Detection3DArray

from deepsort_ros.ros.messages.conversions import time_message

# Camera, what is published for it, and what its diagnostics say.
CAMERAS = {
    'packed': ([(Image, 'other'), (CompressedImage, 'image/compressed'),
                (Detection3DArray, 'detections')],
               ['no image for', '/packed/image/compressed has: set image_transport: compressed',
                'publishes vision_msgs/msg/Detection3DArray, not vision_msgs/msg/Detection2DArray',
                'set detections_type: vision_msgs/Detection3DArray']),
    'typed': ([(CompressedImage, 'image'), (Detection2DArray, 'boxes')],
              ['publishes sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image; set '
               'image_transport: compressed, and remap -r /typed/image/compressed:=/typed/image',
               'it has no publisher; ', '/typed/boxes']),
    'named': ([(Image, 'image_raw'), (Detection2DArray, 'detections')],
              ['it has no publisher; ', '/named/image_raw', 'would fit, as by -r image:=']),
    'apart': ([(Image, 'image'), (Detection2DArray, 'detections')],
              ['none have had the same stamp for', 'its stamps are 900.0 s later than those of '
               'the images: they are of another clock, or of another recording']),
}


@pytest.fixture(scope='module')
def said(tmp_path_factory):
    """Return what the diagnostics of each camera said, and the log."""
    with live.own_domain() as domain:
        node = live.NodeProcess(tmp_path_factory.mktemp('node'), domain, appearance='off',
                                cameras=f'[{",".join(CAMERAS)}]')
        graph = live.Graph(domain)
        try:
            for camera, (published, _) in CAMERAS.items():
                for kind, topic in published:
                    graph.publisher(kind, f'/{camera}/{topic}', connected=False)
            diagnostics = graph.collect(DiagnosticArray, '/diagnostics')
            images = graph.publisher(Image, '/apart/image')
            detections = graph.publisher(Detection2DArray, '/apart/detections')
            found: dict[str, set[str]] = {camera: set() for camera in CAMERAS}

            def complete() -> bool:
                graph.stamp = getattr(graph, 'stamp', 10**12) + live.STEP
                frame = 'camera'
                images.publish(Image(
                    header=Header(stamp=time_message(graph.stamp), frame_id=frame),
                    width=2, height=1, step=6, encoding='bgr8', data=b'\0' * 6))
                detections.publish(Detection2DArray(header=Header(
                    stamp=time_message(graph.stamp + 900 * 10**9), frame_id=frame)))
                for message in diagnostics:
                    for status in message.status:
                        camera, _, part = status.name.partition('/tracker: ')
                        if part == 'inputs':
                            found[camera].add(status.message)
                return all(any(all(part in text for part in CAMERAS[camera][1]) for text in texts)
                           for camera, texts in found.items())

            try:
                graph.spin_until(complete, 40.0)
            except AssertionError:
                pass  # the tests say what is missing
            yield found, node.log()
        finally:
            graph.close()
            node.stop()


@pytest.mark.parametrize('camera', CAMERAS)
def test_diagnostics_and_log_say_why_nothing_arrives(said, camera: str) -> None:
    found, log = said
    for part in CAMERAS[camera][1]:
        assert any(part in text for text in found[camera]), (part, found[camera])
    # The time in it goes on.
    first = CAMERAS[camera][1][0]
    assert any(f'[{camera}.tracker]' in line and first in line for line in log.splitlines())
