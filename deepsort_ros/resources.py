"""Find the files installed beside the code: models, configuration, launch files."""
from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = 'deepsort_ros'


def share_path(relative: str, package: str = PACKAGE) -> Path:
    """
    Return the path of a file of a package's share folder.

    A checkout comes first, so that edits are live; then every prefix of AMENT_PREFIX_PATH (an
    apt or colcon install), then the prefix of the running Python (a wheel install). The messages
    of other packages that this project holds come last.

    :param relative: path below ``share/PACKAGE``, for example ``config/tracker.yaml``.
    :param package: this one, or another ROS package.
    :raises FileNotFoundError: no such file in any of those places; the message lists them.
    """
    checkout = Path(__file__).resolve().parents[1]
    own = package == PACKAGE and (checkout / 'package.xml').is_file()
    roots = [checkout] if own else []
    prefixes = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    roots += [Path(prefix) / 'share' / package for prefix in (*prefixes, sys.prefix)]
    if not own:
        roots.append(checkout / 'interfaces' / package)
    for root in roots:
        if (root / relative).exists():
            return root / relative
    searched = ', '.join(str(root) for root in roots)
    raise FileNotFoundError(f'{relative} is not installed; looked in {searched}')
