"""
The appearance network: network, checkpoint, encoder, training. Needs MindSpore, OpenCV, numpy.

Nothing is imported here: importing MindSpore takes seconds, so only what uses it pays for it.
"""
