"""One appearance network for many cameras, kept alive through faults."""
