"""The space of genres."""
