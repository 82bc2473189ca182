"""
From pixels to metres: cameras, transforms, the ground, depth images and positions of tracks.

Frames: the camera frame is the optical one (REP 103: x right, y down, z ahead), the fixed frame
has z up against gravity and does not jump (``odom``, REP 105), the base frame lies on the ground
below the robot (``base_footprint``, REP 120). Metres, radians and seconds; nothing here knows
ROS.
"""
