"""
Run this ROS with what Humble lacks taken away, for the code of this project alone.

Nothing is faked: names are hidden, and where Humble has another name for a module, the module of
this ROS is found under that name.
"""
import builtins
import signal
import sys
import types
from contextlib import contextmanager

# What this project may not import, and where Humble has it.
HIDDEN = {'rclpy.event_handler': 'rclpy.qos_event', 'rclpy.clock_type': None,
          'rclpy.topic_endpoint_info': None, 'rclpy.endpoint_info': None}
METHODS = ('add_pre_set_parameters_callback', 'add_post_set_parameters_callback')
_import = builtins.__import__


def _humble_import(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get('__name__', '')
    if importer.split('.')[0] == 'deepsort_ros':
        if name in HIDDEN:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        for new, old in HIDDEN.items():
            if name == old and name not in sys.modules:
                module = types.ModuleType(name)
                vars(module).update(vars(_import(new, fromlist=('*',))))
                sys.modules[name] = module
    return _import(name, globals, locals, fromlist, level)


@contextmanager
def humble():
    """Hide what Humble lacks."""
    from rclpy.node import Node
    methods = {name: getattr(Node, name) for name in METHODS}
    old_modules = set(sys.modules)
    for name in methods:
        delattr(Node, name)
    builtins.__import__ = _humble_import
    try:
        yield
    finally:
        builtins.__import__ = _import
        for name, method in methods.items():
            setattr(Node, name, method)
        for name in set(HIDDEN.values()) - old_modules - {None}:
            sys.modules.pop(name, None)


if __name__ == '__main__':
    # As the program itself does it, before rclpy is imported: some ROS starts threads with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    with humble():
        from deepsort_ros.ros.main import main
        sys.exit(main())
