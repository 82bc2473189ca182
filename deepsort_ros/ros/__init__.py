"""The ROS 2 side: node, pairing, conversions, parameters, diagnostics, bags. Needs rclpy."""
