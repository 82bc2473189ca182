"""ROS messages to arrays and back, and nothing else."""
