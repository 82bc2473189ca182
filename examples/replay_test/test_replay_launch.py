"""
The same by launch_testing: ``launch_test test_replay_launch.py``.

The node is started by your launch file's own action, so that remappings are tested too.

This project has not run it: launch_testing is in no package registry. ``test_replay.py`` beside it
does the same by pytest, and is run.
"""
import os
import unittest
from pathlib import Path

import launch
import launch_ros.actions
import launch_testing.actions
import launch_testing.asserts
import replay
import yaml

HERE = Path(__file__).parent
BAG = os.environ.get('REPLAY_BAG', HERE / 'walk.mcap')
EXPECTED = yaml.safe_load(
    Path(os.environ.get('REPLAY_EXPECTATIONS', HERE / 'expectations.yaml')).read_text())


def generate_test_description():
    """Start the node."""
    node = launch_ros.actions.Node(
        package='deepsort_ros', executable='tracker_node', parameters=[EXPECTED.get('node', {})])
    return launch.LaunchDescription([node, launch_testing.actions.ReadyToTest()])


class TestReplay(unittest.TestCase):
    """While the node runs."""

    @classmethod
    def setUpClass(cls):
        """Play the bag once."""
        cls.arrays = replay.play(BAG)

    def test_there_are_no_more_ids_than_people(self):
        """No more than expected."""
        self.assertLessEqual(len(replay.ids(self.arrays)), EXPECTED['at_most_ids'])

    def test_no_id_is_lost_in_view(self):
        """Ids end at the edges."""
        lost = replay.lost_in_view(self.arrays, EXPECTED['edge_px'])
        self.assertLessEqual(len(lost), EXPECTED['lost_in_view'], lost)

    def test_boxes_stay_within_bounds(self):
        """In pixels."""
        self.assertEqual(replay.boxes_outside(self.arrays, EXPECTED['boxes_within']), [])


@launch_testing.post_shutdown_test()
class TestExit(unittest.TestCase):
    """After the node has ended."""

    def test_the_node_ends_in_order(self, proc_info):
        """Exit code 0."""
        launch_testing.asserts.assertExitCodes(proc_info)
