"""Takes README's screenshots: the start page and a result, on a phone and on a desktop.

A really running server, the shipped model and a spot that is rendered by code: run it again after any
change of the pages or of the model (``make screenshots``, half a minute).
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.rendered import render_lesion_jpeg
from tests.serving import serving, wait_until_ready

FOLDER: Final = Path(__file__).parents[1] / "docs" / "screenshots"
SPOT: Final = 5  # the rendered lesion's seed
SCREENS: Final = {"phone": (360, 1100, 2), "desktop": (1280, 1000, 1)}  # width, height, pixels a point
MOST_BYTES: Final = 150_000


def main() -> None:
    """Writes ``start-phone.png`` and the other three into ``docs/screenshots``."""
    names = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        raise SystemExit("Chromium is missing; on Debian: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with serving(Path(folder) / "server.log") as server:
            wait_until_ready(server)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for screen in SCREENS:
                take(browser, f"http://localhost:{server.port}", screen)
            browser.close()


def take(browser: Browser, url: str, screen: str) -> None:
    """Takes both pages on one screen."""
    width, height, scale = SCREENS[screen]
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page.goto(url)
    save(page, f"start-{screen}")
    photo = {"name": "spot.jpg", "mimeType": "image/jpeg", "buffer": render_lesion_jpeg(SPOT)}
    page.locator("#photo").set_input_files(photo)
    page.locator(".crop-frame:not([aria-busy])").wait_for()
    page.get_by_role("button", name="Check this spot").click()
    page.locator(".outcome").wait_for()
    save(page, f"result-{screen}")
    page.close()


def save(page: Page, name: str) -> None:
    """Writes what is on the screen as a PNG of at most 256 colours."""
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    file = FOLDER / f"{name}.png"
    # Dithering would make the plain areas larger without making them look better.
    shot.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    if file.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{file} has {file.stat().st_size} bytes, more than {MOST_BYTES}")


if __name__ == "__main__":
    main()
