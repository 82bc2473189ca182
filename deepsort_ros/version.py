"""What version this is, and the option of a command that prints it. Needs nothing."""
from __future__ import annotations

import argparse


def version() -> str:
    """Return the version of the package."""
    from importlib import metadata
    try:
        return metadata.version('deepsort_ros')
    except metadata.PackageNotFoundError:  # built by colcon
        from xml.etree import ElementTree

        from deepsort_ros.resources import share_path
        return ElementTree.parse(share_path('package.xml')).findtext('version', 'unknown')


class Version(argparse.Action):
    """Print the name of the command and the version, and end."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> None:
        """Look it up only now."""
        print(f'{parser.prog} {version()}')
        parser.exit()


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add ``--version``."""
    parser.add_argument('--version', action=Version, nargs=0, help='print the version and exit')
