"""The pages. A result is rendered straight from the POST: it is stored nowhere, so it has no address."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict

from webapp.answer.crop_proposal import propose_box
from webapp.answer.diagnose import examine, read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.config import current_settings
from webapp.model.predictor import current_predictor
from webapp.photo.imaging import PhotoError, centre_square
from webapp.server.rate_limits import count_photos
from webapp.server.request_log import note
from webapp.site import pages
from webapp.site import several as several_photos
from webapp.site.forms import NoPhoto, PhotoForm
from webapp.site.result import result_page

bp = Blueprint("views", __name__)


@bp.get("/")
def start() -> ResponseReturnValue:
    """Shows the form."""
    return _start(PhotoForm())


@bp.post("/")
def check() -> ResponseReturnValue:
    """Answers for one photo, or shows the form again with what is wrong with it."""
    # Given both, Flask-WTF does not look for a form in a JSON body, where a number would be a bug to it.
    form = PhotoForm(CombinedMultiDict((request.files, request.form)))
    if not form.validate():
        return _start(form), form.status
    predictor = current_predictor()
    told, details = form.answers, form.details
    assessment = examine(predictor, form.decoded, told, form.crop, details)
    page = result_page(assessment, form.decoded, told, details, predictor.bundle, form.crop)
    return render_template("result.html", form=form, page=page, spot_words=pages.spots_page())


@bp.post("/crop")
def crop() -> ResponseReturnValue:
    """Tells the page's script where the spot probably is, in pixels of the photo that it sent."""
    if (upload := request.files.get("photo")) is None:
        raise NoPhoto
    photo = read_photo(upload.stream, current_settings())
    proposal = propose_box(current_predictor(), photo)
    return {"box": proposal.box if proposal else centre_square(*photo.size)}


@bp.get("/spots")
def spots() -> ResponseReturnValue:
    """Shows an empty page, which the script fills with what the person keeps on their own device."""
    return render_template("spots.html", page=pages.spots_page())


@bp.get("/spots/compare")
def compare() -> ResponseReturnValue:
    """The same for the photos of one spot. Which one stands behind the address's ``#``: no server sees it."""
    return render_template("spot_compare.html", page=pages.spots_page())


@bp.get("/about")
def about() -> ResponseReturnValue:
    """Shows what the model is, how good it is and what it cannot do."""
    return render_template("about.html", page=pages.about_page(current_predictor().bundle))


@bp.get("/api")
def api() -> ResponseReturnValue:
    """Shows programmers how to ask, with examples to copy."""
    return render_template("api.html", page=pages.api_page(current_settings()))


@bp.get("/several")
def several() -> ResponseReturnValue:
    """Shows the form for many photos at once."""
    return render_template("several.html", form=FlaskForm(), page=several_photos.empty_page())


@bp.post("/several")
def check_several() -> ResponseReturnValue:
    """Answers for many photos at once, or shows the form again with what is wrong with it."""
    predictor = current_predictor()
    try:
        photos = several_photos.read_photos(request)
    except PhotoError as error:
        note(error=error.code)
        page = several_photos.empty_page(error)
        return render_template("several.html", form=FlaskForm(), page=page), PHOTO_MESSAGES[error.code].status
    count_photos(len(photos))
    looked = list(several_photos.look(predictor, photos, current_settings()))
    page = several_photos.answers_page(looked, predictor.bundle)
    return render_template("several.html", form=FlaskForm(), page=page)


def _start(form: PhotoForm) -> str:
    page = pages.start_page(current_settings())
    return render_template("start.html", form=form, page=page, spot_words=pages.spots_page())
