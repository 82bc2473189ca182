"""The MindSpore cell of every architecture."""
from __future__ import annotations

from typing import Any

from deepsort_ros.reid.architectures import Architecture
from deepsort_ros.reid.architectures import MODELZOO
from deepsort_ros.reid.architectures import OMNI
from deepsort_ros.reid.architectures import POOLED
from deepsort_ros.reid.network import AppearanceNetwork
from deepsort_ros.reid.omni_network import OmniNetwork
from deepsort_ros.reid.pooled_network import PooledNetwork

CELLS: dict[str, Any] = {
    MODELZOO.name: AppearanceNetwork, POOLED.name: PooledNetwork, OMNI.name: OmniNetwork}


def create_cell(architecture: Architecture, classes: int = 0) -> Any:
    """
    Return the network of an architecture, randomly initialised.

    :param classes: identities the classifier tells apart; 0 leaves the classifier out.
    """
    return CELLS[architecture.name](classes)
