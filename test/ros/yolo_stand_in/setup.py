"""Build the wheel of this package; see cmake/ament_wheel.py at the top of the repository."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / 'cmake'))

from ament_wheel import setup_ament  # noqa: E402

# Not called yolo_msgs: a wheel of the real package may bear that name.
setup_ament(HERE, name='deepsort-ros-yolo-msgs')
