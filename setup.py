"""Build the wheel of this package; see cmake/ament_wheel.py."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'cmake'))

from ament_wheel import setup_ament  # noqa: E402

requirements = (HERE / 'requirements' / 'runtime.txt').read_text(encoding='utf-8').splitlines()

setup_ament(
    HERE,
    install_requires=[line for line in requirements if line and not line.startswith('#')],
    entry_points={'console_scripts': [
        'deepsort = deepsort_ros.cli:main',
        'tracker_node = deepsort_ros.ros.main:main',
    ]},
)
