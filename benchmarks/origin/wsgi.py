"""The origin's very script behind a form: the model is loaded for every picture."""

import io
import os
from pathlib import Path

import numpy as np
import pillow_heif
from flask import Flask, request
from PIL import Image

pillow_heif.register_heif_opener()
app = Flask(__name__)


FORM = """<form method="post" enctype="multipart/form-data">
<input type="file" name="photo"><button>Go</button></form>"""


@app.get("/")
def start() -> str:
    return FORM


@app.post("/")
def check() -> str:
    from tensorflow.keras.models import load_model

    model = load_model(Path(os.environ["BENCHMARK_MODEL"]), compile=False)
    size = model.inputs[0].shape[1]
    image = Image.open(io.BytesIO(request.files["photo"].read())).convert("RGB").resize((size, size))
    prediction = model.predict(np.asarray(image)[np.newaxis], verbose=0)["probabilities"]
    malignancy = float(prediction[0][[0, 1, 4]].sum())
    verdict = "Malignant" if malignancy > 0.5 else "Benign"
    return f"<p>Prediction: {verdict}</p><p>Confidence: {malignancy:.2%}</p>"
