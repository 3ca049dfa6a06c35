"""Drills: real processes, a real broker, real faults, and the figures they left, printed."""
