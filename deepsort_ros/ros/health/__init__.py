"""What the node says of itself: diagnostics, log and QoS events."""
