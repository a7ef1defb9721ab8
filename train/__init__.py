"""Training, calibration, evaluation and export of the network; imports from ``webapp``, never back."""
