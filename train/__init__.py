"""Training, calibration, evaluation and export of the network. Imports from ``webapp``, never the other way."""
