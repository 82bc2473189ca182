"""Bags of images and detections to bags of tracks, and sequences played live."""
