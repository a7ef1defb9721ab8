"""Where the spot probably is: the box from which a person starts to crop."""

from webapp.imaging import Box, Photo, centre_square
from webapp.predictor import Predictor


def propose_box(predictor: Predictor, photo: Photo) -> Box:
    """Proposes the part of a photo to look at.

    Args:
        predictor: The network, which may know where the spot is.
        photo: As from :func:`webapp.diagnose.read_photo`.

    Returns:
        A square inside the photo, in pixels of the photo as it was sent.
    """
    # The activation map is no help: it shows what looks like cancer, not where a harmless spot is.
    return centre_square(*photo.size)
