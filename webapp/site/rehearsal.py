"""The first pages that a worker makes, for nobody: what is loaded only when it is needed is then there."""

from typing import Final

from flask import Flask, render_template
from PIL import Image

from webapp.answer.assessment import MIN_SIDE, Answers, assess
from webapp.answer.details import NO_DETAILS
from webapp.model.predictor import current_predictor
from webapp.photo.imaging import Photo
from webapp.site import pages
from webapp.site.forms import PhotoForm
from webapp.site.languages import LANGUAGES
from webapp.site.result import result_page

_REQUEST: Final = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "wsgi.url_scheme": "http",
}


def rehearse(app: Flask) -> None:
    """Makes one answer's page in every language, about a picture of one colour.

    Templates are compiled and the languages' forms of days and numbers read: 60 ms that the first visitors
    would wait, and 5,000 objects that Python's collector would look through after every answer.
    """
    image = Image.new("RGB", (MIN_SIDE, MIN_SIDE), "peru")
    photo = Photo(image, "JPEG", image.size)
    for language in LANGUAGES:
        with app.request_context({**_REQUEST, "QUERY_STRING": f"lang={language}"}):
            predictor = current_predictor()
            prediction = predictor.predict(image)
            point = predictor.bundle.contract.operating_point(prediction.phone)
            assessment = assess(prediction, point, (), Answers())  # judged, whatever the gate would say
            page = result_page(assessment, photo, Answers(), NO_DETAILS, predictor.bundle)
            render_template("result.html", form=PhotoForm(), page=page, spot_words=pages.spots_page())
