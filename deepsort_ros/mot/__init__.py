"""MOTChallenge files: reading, tracking, evaluation, rendering, a sample scene."""
