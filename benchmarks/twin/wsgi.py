"""What most tutorials do: ``load_model`` once at the start, ``model.predict`` in the request.

A faithful twin, not a straw man: the same network, the same answer in words and per cent, HEIC too.
"""

import io
import os
from pathlib import Path

import keras
import numpy as np
import pillow_heif
from flask import Flask, render_template_string, request
from PIL import Image, ImageOps

PAGE = """<!doctype html><title>Result</title><h1>{{ verdict }}</h1><p>Confidence: {{ confidence }}</p>
<form method="post" enctype="multipart/form-data">
<input type="file" name="photo"><button>Go</button></form>"""
MALIGNANT = [0, 1, 4]  # akiec, bcc, mel

pillow_heif.register_heif_opener()
app = Flask(__name__)
model = keras.saving.load_model(Path(os.environ["BENCHMARK_MODEL"]), compile=False)
size = model.inputs[0].shape[1]


@app.get("/")
def start() -> str:
    return render_template_string(PAGE, verdict="Send a photo", confidence="")


@app.post("/")
def check() -> str:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(request.files["photo"].read()))).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))
    probabilities = model.predict(pixels[np.newaxis], verbose=0)["probabilities"][0]
    malignancy = float(probabilities[MALIGNANT].sum())
    verdict = "Signs of skin cancer" if malignancy >= 0.5 else "No signs of skin cancer"
    return render_template_string(PAGE, verdict=verdict, confidence=f"{malignancy:.2%}")
