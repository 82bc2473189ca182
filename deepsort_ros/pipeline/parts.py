"""The settings of each part of the pipeline, out of the settings of the whole."""
from __future__ import annotations

from deepsort_ros import kept_crops
from deepsort_ros.motion import CameraMotion
from deepsort_ros.motion import SparseFlow
from deepsort_ros.pipeline.frames import AppearanceEncoder
from deepsort_ros.settings import Settings
from deepsort_ros.tracking import TrackerConfig
from deepsort_ros.world.world import WorldConfig

# Largest appearance distance of a match where neither settings nor model say one: the paper's.
DEFAULT_DISTANCE = 0.2


def appearance_limit(settings: Settings, encoder: AppearanceEncoder | None) -> float:
    """Return the largest appearance distance of a match, as settings or model say."""
    recommended = float(getattr(encoder, 'max_cosine_distance', 0.0))
    return settings.max_cosine_distance or recommended or DEFAULT_DISTANCE


def tracker_config(settings: Settings,
                   encoder: AppearanceEncoder | None = None) -> TrackerConfig:
    """Return the tracker's part of the settings, times in steps of 1/frame_rate."""
    return TrackerConfig(
        max_cosine_distance=appearance_limit(settings, encoder),
        nn_budget=settings.nn_budget,
        max_iou_distance=settings.max_iou_distance,
        max_age=settings.max_age * settings.frame_rate,
        n_init=settings.n_init,
        class_gating=settings.class_gating,
        class_change_overlap=settings.class_change_overlap,
        high_score=settings.min_confidence,
        reid_window=settings.reid_window * settings.frame_rate,
        score_noise=settings.score_noise,
        size_state=settings.size_state,
        nearest_features=settings.nearest_features,
        by_age=settings.cascade,
        lost_ratio=settings.lost_ratio,
        second_look=settings.second_look,
        covered_share=settings.covered_share,
        rejoin=settings.rejoin,
        reach=settings.reach,
        adapt_distance=settings.adapt_distance,
        report_features=settings.publish_features,
        pace=settings.noise_rate / settings.frame_rate if settings.noise_rate else 1.0,
        feature_interval=(
            settings.appearance_interval if settings.appearance == 'on_demand' else 0),
        feature_budget=settings.appearance_budget,
    )


def camera_motion(settings: Settings) -> CameraMotion | None:
    """Return what follows the camera by the images, None when nothing asks for it."""
    return SparseFlow() if settings.camera_motion == 'flow' else None


def world_config(settings: Settings) -> WorldConfig | None:
    """Return the world's part of the settings, None when nothing asks for it."""
    if settings.world == 'off' and settings.camera_motion != 'tf':
        return None
    return WorldConfig(
        positions=settings.world != 'off', depth=settings.world == 'depth',
        ego_motion=settings.camera_motion == 'tf', plane=settings.ground,
        max_ego_speed=settings.max_ego_speed, kinds=settings.class_kinds)


def crop_spacing(settings: Settings) -> int:
    """Return the images between kept crops: those of a track reach back to its last feature."""
    return max(settings.appearance_interval // (kept_crops.MOST + 1), 1)
