"""Where gunicorn and the ``flask`` command find the app."""

from webapp import create_app

app = create_app()
