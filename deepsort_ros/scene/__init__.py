"""The rendered sample scene with its truth."""
