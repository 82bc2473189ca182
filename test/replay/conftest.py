"""Where the replay finds what the live tests of the node use."""
import os

import live

# Read when this process makes its first participant.
for name, value in live.ISOLATION.items():
    os.environ.setdefault(name, value)
