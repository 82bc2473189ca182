"""The subcommands of ``deepsort``: one module each, with its options and what it does."""
