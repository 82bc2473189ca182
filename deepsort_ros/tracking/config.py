"""Settings of the tracker core."""
from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TrackerConfig:
    """
    Settings of the tracker; the defaults are those of the DeepSORT paper, every option off.

    :param max_cosine_distance: largest appearance distance of a match.
    :param nn_budget: features kept per track, the newest.
    :param max_iou_distance: largest 1 - IoU of a match by overlap.
    :param max_age: a confirmed track unseen for longer is removed, in time steps.
    :param n_init: consecutive detections that confirm a track; with ``pace``, fewer that look
        alike, two or more that span as much time.
    :param class_gating: a track takes detections of its own class.
    :param class_change_overlap: with ``class_gating``, smallest overlap (IoU) at which a track
        seen in the last image that was left without a detection of its own class takes one of
        another class that was left over; 1: never.

    Options, none of them in the paper:

    :param feature_interval: detections may come without a feature where motion settles the match
        (:mod:`~deepsort_ros.tracking.demand`), but each track needs one about once in so many
        images; 0: every detection needs a feature.
    :param feature_budget: most features needed in an image, 0: no limit.
    :param high_score: detections with a lower score start no track and only continue tracks
        seen in the last image, by overlap (second association of ByteTrack, arXiv 2110.06864).
    :param reid_window: time steps for which an ended track may come back under its id, to a new
        track that looks like it; it counts as removed only after that.
    :param score_noise: the measurement noise of a detection shrinks with its score, on a scale
        of 0 to 1 (NSA Kalman filter of GIAOTracker, arXiv 2202.11983).
    :param size_state: the filter's state holds width and height instead of aspect and height
        (BoT-SORT, arXiv 2206.14651).
    :param nearest_features: a track's distance is the mean of those to so many of its features,
        the nearest ones, but no more than half; 1: to the nearest.
    :param by_age: tracks seen more recently choose first (the cascade); else tracks of all ages
        share the detections out at the least total cost.
    :param lost_ratio: a match by appearance of a track that was lost for more than a fifth of a
        second counts only if their distance is below this share of that of every other pair of
        either inside the gate; above 0; 1: it counts however alike others are.
    :param second_look: largest appearance distance of a match by overlap, in shares of
        ``max_cosine_distance``; lost tracks then match by overlap as well, and tracks that do
        not look like a detection no longer do. 0: appearance has no say in overlap.
    :param covered_share: what a detection looks like is not remembered where another one covers
        more than this share of it; 1: always.
    :param rejoin: largest appearance distance, in shares of ``max_cosine_distance``, at which a
        track that is confirmed is a lost one that looks like it; 0: never.
    :param reach: a track that is one image old may take a detection anywhere in its motion gate,
        though it overlaps none, if no other track wants it: fast objects in few images. It does
        not count towards ``n_init``: without an overlap, a track takes one detection more.
    :param adapt_distance: where the distances of tracks to themselves and to others show that
        ``max_cosine_distance`` does not lie between them, use one that does
        (:mod:`~deepsort_ros.tracking.fitting`).
    :param report_features: :class:`~deepsort_ros.tracking.tracks.Tracks` hold the newest feature
        of each track; else they hold none, which is faster.
    :param pace: time steps of the paper's camera, 30 a second, in one of ours: the less often
        images come, the less is known about the velocity of a track.
    """

    max_cosine_distance: float = 0.2
    nn_budget: int = 100
    max_iou_distance: float = 0.7
    max_age: float = 30.0
    n_init: int = 3
    class_gating: bool = False
    class_change_overlap: float = 1.0
    feature_interval: int = 0
    feature_budget: int = 0
    high_score: float = -math.inf
    reid_window: float = 0.0
    score_noise: bool = False
    size_state: bool = False
    nearest_features: int = 1
    by_age: bool = True
    lost_ratio: float = 1.0
    second_look: float = 0.0
    covered_share: float = 1.0
    rejoin: float = 0.0
    reach: bool = False
    adapt_distance: bool = False
    report_features: bool = True
    pace: float = 1.0
