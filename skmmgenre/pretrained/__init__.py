"""Encoders that others have trained: found, checked and used as they are."""
