"""Skin Cancer Detector: the web app, its command line and its API."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from webapp.config import Settings
    from webapp.model.predictor import Predictor


def create_app(settings: "Settings | None" = None, predictor: "Predictor | None" = None) -> "Flask":
    """Makes the app.

    Args:
        settings: Read from the environment if ``None``.
        predictor: Opened as the settings say if ``None``.

    Raises:
        ConfigError: A setting does not parse.
        BundleError: The model is missing, damaged or not the one that its contract names.
    """
    # Imported here because training, too, comes through this package for labels and imaging.
    from flask import Flask

    from webapp import cli
    from webapp.api import routes as api
    from webapp.config import Settings
    from webapp.model.predictor import open_predictor
    from webapp.server import health, metrics, rate_limits, request_log, security, waiting_room
    from webapp.site import errors, fixed_parts, languages, views
    from webapp.site.environment import PlainEnvironment

    settings = settings or Settings.from_environ()
    app = Flask(__name__, template_folder="../templates", static_folder="../static")
    app.jinja_environment = PlainEnvironment
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a record's fields have an order
    app.extensions["settings"] = settings
    app.extensions["predictor"] = predictor or open_predictor(settings)
    for module in (errors, languages, fixed_parts, health):
        module.init_app(app)
    # In the order in which a request meets them: what costs least refuses first.
    for guard in (request_log, metrics, security, rate_limits, waiting_room):
        guard.init_app(app, settings)
    security.protect_forms(app)
    for blueprint in (views.bp, api.bp, cli.bp, health.bp):
        app.register_blueprint(blueprint)
    security.csrf.exempt(api.bp)
    return app
