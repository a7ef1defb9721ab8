"""The form on the start page. Its validator reads the photo, so that a bad one is the field's error."""

from collections.abc import Mapping

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, StringField, ValidationError

from webapp.answer.assessment import MAX_ASPECT, MIN_SIDE, Answers
from webapp.answer.details import Details, InvalidDetail, read_details
from webapp.answer.diagnose import read_photo
from webapp.answer.messages import PHOTO_MESSAGES
from webapp.api.question import read_box
from webapp.config import current_settings
from webapp.model.predictor import current_predictor
from webapp.photo.imaging import Box, BoxOutside, EmptyFile, Photo, PhotoError
from webapp.server.request_log import note
from webapp.site import wording
from webapp.site.languages import gettext


class NoPhoto(PhotoError):
    code = "missing"


class PhotoGone(PhotoError):
    """The page was loaded again: a browser that sends its form once more has only its texts left."""

    code = "gone"


class TwoPhotos(PhotoError):
    code = "two_photos"


class FrameDiffers(PhotoError):
    code = "frame_differs"


class PhotoForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """One photo, chosen or taken with the phone's camera, three optional answers and three optional details.

    ``box`` is filled by the script with which a person crops the photo, and empty without it; ``drawn`` is
    the width and height, as ``1800x2400``, of the picture that the script sends instead of the file, in
    whose pixels the box was set. After a
    successful validation ``decoded`` is the photo and ``crop`` the part to look at, ``None`` for the
    square in the middle; after a failed one ``status`` is the HTTP status that says why.
    """

    photo = FileField()
    camera = FileField()
    box = StringField()
    drawn = StringField()
    changed = BooleanField()
    symptoms = BooleanField()
    different = BooleanField()
    age = StringField(filters=[lambda text: (text or "").strip()])
    sex = StringField(filters=[lambda text: text or ""])
    site = StringField(filters=[lambda text: text or ""])

    decoded: Photo
    crop: Box | None
    status: int

    def validate_photo(self, field: FileField) -> None:
        """Reads whichever of the two fields is filled."""
        upload = self.photo.data or self.camera.data
        try:
            if self.photo.data and self.camera.data:  # with the script, the later one replaces the other
                raise TwoPhotos
            if upload is None:
                raise PhotoGone if self.drawn.data else NoPhoto
            self.crop = read_box(self.box.data) if self.box.data else None
            self.decoded = self._read(upload)
        except PhotoError as error:
            message = PHOTO_MESSAGES[error.code]
            self.status = message.status
            note(error=error.code)
            raise ValidationError(gettext(message.sentence)) from error

    def _read(self, upload: FileStorage) -> Photo:
        """Reads the photo, and makes sure that it is the picture in which the person framed the spot."""
        try:
            photo = read_photo(upload.stream, current_settings(), self.crop)
        except EmptyFile as error:
            if self.drawn.data:
                raise PhotoGone from error
            raise
        except BoxOutside as error:
            if self.drawn.data:  # the page's script keeps the frame inside of what it drew
                raise FrameDiffers from error
            raise
        # Seen from another side or at another size, the box would hold another part of the skin.
        if self.crop and self.drawn.data and self.drawn.data != f"{photo.size[0]}x{photo.size[1]}":
            raise FrameDiffers(f"framed in {self.drawn.data[:20]}, sent in {photo.size}")
        return photo

    def validate_age(self, field: StringField) -> None:
        """Checks what was typed or, of a form that was tampered with, sent."""
        try:
            read_details(**{field.name: field.data})
        except InvalidDetail as error:
            message = PHOTO_MESSAGES[f"invalid_{error.field}"]
            if not self.photo.errors:
                self.status = message.status
            raise ValidationError(gettext(message.sentence)) from error

    validate_sex = validate_site = validate_age

    @property
    def asks_details(self) -> bool:
        """Whether the model knows what age, sex and place mean."""
        return bool(current_predictor().bundle.contract.details)

    @property
    def sexes(self) -> Mapping[str, str]:
        """What can be chosen, by what is sent."""
        return wording.sex_names()

    @property
    def sites(self) -> Mapping[str, str]:
        """What can be chosen, by what is sent."""
        return wording.site_names()

    @property
    def details(self) -> Details:
        """What was said about age, sex and place, after a successful validation."""
        return read_details(self.age.data, self.sex.data, self.site.data)

    @property
    def detail_errors(self) -> tuple[tuple[str, str], ...]:
        """Name and sentence of each detail that could not be read."""
        fields = (self.age, self.sex, self.site)
        return tuple((field.id, field.errors[0]) for field in fields if field.errors)

    @property
    def limits(self) -> dict[str, int]:
        """What a photo may have and take, for the script that makes larger ones smaller and sends them."""
        settings = current_settings()
        return {
            "data-max-bytes": settings.max_upload_bytes,
            "data-max-pixels": settings.max_pixels,
            "data-max-seconds": settings.upload_seconds + settings.stall_seconds,
        }

    @property
    def check_limits(self) -> dict[str, float | None]:
        """What a photo is held against, for the script that looks at it before it is sent."""
        contract = current_predictor().bundle.contract
        gate = contract.gate
        return {
            "data-size": contract.input.size,
            "data-min-side": MIN_SIDE,
            "data-max-aspect": MAX_ASPECT,
            "data-brightness": gate.brightness,
            "data-sharpness": gate.sharpness,
            "data-glare": gate.glare,
        }

    @property
    def answers(self) -> Answers:
        """What was ticked."""
        return Answers(self.changed.data, self.symptoms.data, self.different.data)
