"""DeepSORT multi-object tracking for ROS 2, with a MindSpore appearance network."""
from pkgutil import extend_path

# The generated deepsort_ros.msg lives in the installed copy of this package; with this the
# modules of a checkout run and are tested against it.
__path__ = extend_path(__path__, __name__)
