"""The version stands in package.xml; whatever repeats it says the same."""
import re
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def released(changelog: str) -> list[str]:
    """Return the versions of a changelog, newest first."""
    return re.findall(r'^(\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)\n-+$', changelog, re.MULTILINE)


@pytest.fixture(scope='module')
def version():
    return ElementTree.parse(ROOT / 'package.xml').getroot().findtext('version')


def test_the_installed_package_has_the_version_of_package_xml(version):
    assert metadata.version('deepsort_ros') == version


def test_the_changelog_ends_with_the_version_of_package_xml_once_it_is_released(version):
    changelog = (ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    releases = released(changelog)
    assert releases[:1] == [version] or (
        not releases and re.search(r'^Forthcoming\n-+$', changelog, re.MULTILINE))


def test_the_python_project_repeats_no_version():
    assert not re.search(r'^version\b', (ROOT / 'pyproject.toml').read_text(), re.MULTILINE)


def test_the_citation_has_the_version_of_package_xml(version):
    citation = (ROOT / 'CITATION.cff').read_text()
    assert re.search(r'^version: (.*)$', citation, re.MULTILINE).group(1) == version


def test_releases_are_found_in_a_changelog():
    text = 'Forthcoming\n-----------\n* x\n\n0.2.0 (2026-11-27)\n------------------\n* y\n'
    assert released(text) == ['0.2.0']


def test_the_versions_of_a_worker_are_those_of_the_node():
    def wanted(name):
        lines = (ROOT / 'requirements' / name).read_text(encoding='utf-8').splitlines()
        return {line for line in lines if line and not line.startswith('#')}
    assert wanted('worker.txt') <= wanted('runtime.txt')
