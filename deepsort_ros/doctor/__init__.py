"""What is there, what is missing and what helps: the checks of ``deepsort doctor``."""
