"""Run a ``deepsort`` command in an interpreter that finds no ROS."""
import sys
from pathlib import Path

HIDDEN = ('rclpy', 'rpyutils', 'ament_index_python', 'builtin_interfaces', 'geometry_msgs',
          'rcl_interfaces', 'sensor_msgs', 'std_msgs', 'vision_msgs', 'visualization_msgs',
          'deepsort_ros.msg')


def main() -> int:
    # Python takes None for a module that cannot be imported.
    sys.modules.update(dict.fromkeys(HIDDEN))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from deepsort_ros.cli import main as command
    return command(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
