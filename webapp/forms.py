"""The form on the start page. Its validator reads the photo, so that a bad one is the field's error."""

from flask_babel import gettext
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, ValidationError

from webapp.assessment import Answers
from webapp.config import current_settings
from webapp.diagnose import read_photo
from webapp.imaging import Photo, PhotoError
from webapp.messages import PHOTO_MESSAGES
from webapp.request_log import note


class NoPhoto(PhotoError):
    code = "missing"


class PhotoForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """One photo, chosen or taken with the phone's camera, and three optional answers.

    After a successful validation ``decoded`` is the photo; after a failed one ``status`` is the
    HTTP status that says why.
    """

    photo = FileField()
    camera = FileField()
    changed = BooleanField()
    symptoms = BooleanField()
    different = BooleanField()

    decoded: Photo
    status: int

    def validate_photo(self, field: FileField) -> None:
        """Reads whichever of the two fields is filled."""
        upload = self.photo.data or self.camera.data
        try:
            if upload is None:
                raise NoPhoto
            self.decoded = read_photo(upload.stream, current_settings())
        except PhotoError as error:
            message = PHOTO_MESSAGES[error.code]
            self.status = message.status
            note(error=error.code)
            raise ValidationError(gettext(message.sentence)) from error

    @property
    def answers(self) -> Answers:
        """What was ticked."""
        return Answers(self.changed.data, self.symptoms.data, self.different.data)
