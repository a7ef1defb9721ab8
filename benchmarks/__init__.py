"""How fast, how small: this app beside what every tutorial does. ``python -m benchmarks``."""
