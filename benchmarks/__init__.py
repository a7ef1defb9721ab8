"""Measurements of the running app."""
