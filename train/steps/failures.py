"""What a step may say no to, apart from the images and the bundle; the message says why."""


class FitError(Exception):
    """A run that cannot start or go on."""


class ExportError(Exception):
    """A network that cannot be exported as asked."""
