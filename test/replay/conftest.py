"""Where the replay finds what the live tests of the node use."""
import os

import live

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
# Read when this process makes its first participant: small shared memory loses images.
os.environ.setdefault('FASTRTPS_DEFAULT_PROFILES_FILE', str(live.PROFILE))
