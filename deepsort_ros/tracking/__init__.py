"""DeepSORT on arrays: boxes, Kalman filter, gallery, association, tracker. Needs numpy, scipy."""
from deepsort_ros.tracking.config import TrackerConfig
from deepsort_ros.tracking.demand import Demand
from deepsort_ros.tracking.detections import Detections
from deepsort_ros.tracking.tracker import Tracker
from deepsort_ros.tracking.tracks import Tracks
from deepsort_ros.tracking.tracks import TrackState

__all__ = ['Demand', 'Detections', 'Tracker', 'TrackerConfig', 'TrackState', 'Tracks']
