"""MOTChallenge files: reading, tracking, evaluation, reports, rendering, a sample scene."""
