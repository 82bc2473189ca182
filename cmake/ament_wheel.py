"""
Make a Python wheel of an ament_cmake package.

CMakeLists.txt describes the build; this runs it and packs its install tree. A ROS 2 workspace
does not need this file: colcon builds the packages with CMakeLists.txt alone.
"""
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext


def ament_prefixes():
    """Return the prefixes with an ament index, of the environment and of sys.path, joined."""
    found = [p for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    for entry in map(Path, sys.path):
        # PREFIX/lib/pythonX.Y/site-packages
        if len(entry.parents) > 2 and (entry.parents[2] / 'share' / 'ament_index').is_dir():
            found.append(str(entry.parents[2]))
    return os.pathsep.join(dict.fromkeys(found))


def kept(name):
    """Return the parts of the install tree a Python user needs beside the Python package."""
    share = f'share/{name}'
    index = 'share/ament_index/resource_index'
    return (
        'lib/',
        *(f'{share}/{part}/' for part in ('cmake', 'config', 'launch', 'models', 'msg')),
        f'{share}/package.xml',
        *(f'{index}/{part}/' for part in (
            'packages', 'package_run_dependencies', 'rosidl_interfaces')),
        'include/',
    )


class CMakeBuild(build_ext):
    """Run CMake, then hand its install tree to setuptools."""

    def run(self):
        """Build what has changed, then lay out the wheel's contents again."""
        if self.inplace:
            raise SystemExit('editable installs are not supported: use "pip install ."')
        source = Path.cwd()
        name = self.distribution.ament_name
        stage = self._build(source, Path(self.build_temp).resolve())
        package = next(stage.glob(f'lib/python*/*-packages/{name}'))
        target = Path(self.build_lib) / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(package, target, ignore=shutil.ignore_patterns('__pycache__'))
        data = {}
        for path in sorted(stage.rglob('*')):
            relative = path.relative_to(stage).as_posix()
            if (path.is_file() and package.parent not in path.parents
                    and relative.startswith(kept(name))):
                data.setdefault(os.path.dirname(relative), []).append(
                    os.path.relpath(path, source))
        self.distribution.data_files = sorted(data.items())

    def _build(self, source, build):
        """Configure once, build and install; return the install tree."""
        stage = build / 'stage'
        cmake = shutil.which('cmake') or 'cmake'
        prefixes = ament_prefixes()
        configure = [
            cmake, '-S', str(source), '-B', str(build), '-DCMAKE_BUILD_TYPE=Release',
            '-DBUILD_TESTING=OFF', f'-DCMAKE_INSTALL_PREFIX={stage}',
            f'-DPython3_EXECUTABLE={sys.executable}',
            f'-DCMAKE_PROJECT_INCLUDE={Path(__file__).with_name("pip_ros.cmake")}']
        env = dict(os.environ, AMENT_PREFIX_PATH=prefixes, CMAKE_PREFIX_PATH=prefixes)
        # CMake keeps the folders it has found: another environment needs another build.
        inputs = '\n'.join([*configure, prefixes])
        record = build / 'configured.txt'
        if not record.is_file() or record.read_text() != inputs:
            shutil.rmtree(build, ignore_errors=True)
            subprocess.run(configure, check=True, env=env)
            record.write_text(inputs)
        shutil.rmtree(stage, ignore_errors=True)
        jobs = str(os.cpu_count() or 1)
        subprocess.run([cmake, '--build', str(build), '--parallel', jobs], check=True, env=env)
        subprocess.run([cmake, '--install', str(build)], check=True, env=env)
        return stage

    def get_outputs(self):
        """Return nothing: the files are no extension modules."""
        return []


def setup_ament(folder, name=None, **metadata):
    """
    Call setuptools for the package of a folder, with what package.xml says.

    :param folder: where package.xml and CMakeLists.txt are.
    :param name: of the wheel, when it is not the package's.
    :param metadata: further arguments of ``setuptools.setup``.
    """
    manifest = ElementTree.parse(folder / 'package.xml').getroot()
    ament_name = manifest.findtext('name')

    class Build(CMakeBuild):
        def initialize_options(self):
            super().initialize_options()
            self.distribution.ament_name = ament_name

    setup(
        name=name or ament_name,
        version=manifest.findtext('version'),
        description=' '.join(manifest.findtext('description').split()),
        license=manifest.findtext('license'),
        packages=[],  # CMake installs the Python modules too
        # Makes the wheel a platform wheel.
        ext_modules=[Extension(f'{ament_name}._messages', [])],
        cmdclass={'build_ext': Build},
        python_requires='>=3.10',
        **metadata,
    )
