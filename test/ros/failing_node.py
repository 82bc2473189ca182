"""
The node with a device that fails as the file ``FAULT`` says.

``lost``: while the file says so; ``dead``: until the network is reloaded; ``room N``: for more
than N crops at once; ``slow``: takes long; ``hold``: takes as long as the file says so.
"""
import os
import sys
import time
from pathlib import Path

from deepsort_ros.ros import main

FAULT = Path(os.environ['FAULT'])
run = main.run


def run_with_faults(stop, arguments):
    # Not before main takes care of signals: MindSpore starts threads, which would get them.
    from deepsort_ros.reid.encoder import Encoder
    encode = Encoder.encode

    def fail_or_encode(self, image, tlwh, encoding):
        name, *room = FAULT.read_text().split() if FAULT.exists() else ['']
        if name == 'dead':
            self.dead = True
        if name == 'lost' or getattr(self, 'dead', False):
            raise RuntimeError(f'device {name or "lost"}')
        if name == 'slow':
            FAULT.with_name('at work').touch()
            time.sleep(0.6)
        if name == 'hold':
            FAULT.with_name('at work').touch()
            while FAULT.exists():
                time.sleep(0.02)
        if name == 'room' and len(tlwh) > int(room[0]):
            raise RuntimeError("Malloc for kernel output failed, Memory isn't enough")
        return encode(self, image, tlwh, encoding)

    Encoder.encode = fail_or_encode
    return run(stop, arguments)


main.run = run_with_faults
sys.exit(main.main())
