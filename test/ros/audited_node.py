"""The node, with a line ``AUDIT event arguments`` for all that Python asks of the system."""
import sys

from deepsort_ros.ros import main

sys.addaudithook(lambda event, arguments: print('AUDIT', event, arguments, flush=True)
                 if event.startswith(('open', 'os.', 'import', 'subprocess.', 'shutil.', 'exec',
                                      'ctypes.', 'socket.')) else None)
sys.exit(main.main())
