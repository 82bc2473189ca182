"""ROS parameter files, read without ROS."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsort_ros.settings import SettingError
from deepsort_ros.settings import SPECS
from deepsort_ros.settings import unknown_words


def read_parameter_file(path: Path) -> dict[str, Any]:
    """
    Read the settings of a ROS parameter file (REP-less YAML: node name, ``ros__parameters``).

    Settings under every node name are merged in the order of the file, so ``/**`` and
    ``/tracker`` both work; ROS's own ``use_sim_time`` and ``qos_overrides`` are left to ROS.

    :raises SettingError: not a parameter file, or a setting that does not exist.
    :raises OSError: the file cannot be read.
    """
    import yaml
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingError(f'{path}: not YAML: {error}') from error
    merged: dict[str, Any] = {}
    for node, content in (document or {}).items() if isinstance(document, dict) else ():
        if not isinstance(content, dict) or not isinstance(
                content.get('ros__parameters'), dict):
            raise SettingError(f'{path}: no ros__parameters below {node!r}')
        merged.update(content['ros__parameters'])
    if not merged:
        raise SettingError(f'{path}: holds no ros__parameters')
    for name in ('use_sim_time', 'qos_overrides'):
        merged.pop(name, None)
    unknown = sorted(set(merged) - set(SPECS))
    if unknown:
        raise SettingError(f'{path}: unknown setting {unknown_words(unknown)}')
    return merged
