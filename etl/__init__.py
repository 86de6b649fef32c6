"""The documented import paths; each module is an alias."""
