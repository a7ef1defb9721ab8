// Crop to the spot: the photo is moved and zoomed under a square frame, by touch, mouse, keys or buttons.
// Cropper.js follows the fingers and places the photo; what the frame holds is worked out here.

import "../vendor/cropperjs/cropper.esm.min.js";

// Browsers before 2023: Cropper.js would fall back to inline styles, which the page's policy forbids.
if (!("adoptedStyleSheets" in document)) throw new Error("no cropping in this browser");

const FRAME = 0.84; // of the view's side, as .crop-box in app.css
const STEP = 0.05; // of the frame's side, for one press
const ZOOM = 1.15; // for one press

// How far the photo moves for each key, in frames.
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const ZOOMS = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM }; // "=" is "+" without shift

/**
 * Starts the cropper in the copy of the page's crop template.
 *
 * Args:
 *   part: The copy; it must stand in the page.
 *   picture: A canvas with the photo.
 *   smallest: The frame's smallest side as a share of the photo's width.
 *   start: Left, upper, right and lower edge to start from, as shares of the photo's width and height.
 *
 * Returns a function that returns the frame's edges, as shares of the photo's width and height.
 */
export async function startCrop(part, picture, smallest, start) {
  const { width, height } = picture;
  const frame = part.querySelector(".crop-frame");
  const view = document.createElement("cropper-canvas");
  const image = document.createElement("cropper-image");
  const handle = document.createElement("cropper-handle");
  const source = picture.toDataURL("image/jpeg", 0.9);
  Object.assign(image, { src: source, alt: frame.dataset.alt, translatable: true, scalable: true });
  Object.assign(handle, { action: "move", plain: true });
  view.append(image, handle);

  // The frame in the picture's pixels: its middle and its side.
  const most = Math.min(width, height);
  const least = Math.min(most, smallest * width);
  const [left, upper, right, lower] = start;
  let x = ((left + right) / 2) * width;
  let y = ((upper + lower) / 2) * height;
  let side = Math.max((right - left) * width, (lower - upper) * height);

  const scale = () => (view.clientWidth * FRAME) / side; // the page's pixels for one of the picture's
  const within = (value, low, high) => Math.min(Math.max(value, low), high);

  function show() {
    side = within(side, least, most);
    x = within(x, side / 2, width - side / 2);
    y = within(y, side / 2, height - side / 2);
    // Cropper.js scales around the picture's own middle.
    const place = (middle, whole) => view.clientWidth / 2 - whole / 2 - scale() * (middle - whole / 2);
    image.$setTransform(scale(), 0, 0, scale(), place(x, width), place(y, height));
    frame.dispatchEvent(new CustomEvent("framed", { bubbles: true }));
  }

  function press(key) {
    const [across, down] = MOVES[key] ?? [0, 0];
    x -= across * side;
    y -= down * side;
    side /= ZOOMS[key] ?? 1;
    show();
  }

  // These come before Cropper.js's own listeners, which it adds when it enters the page: it would take every
  // turn of the wheel, so that the page could not be scrolled, and move the photo out of the frame.
  view.addEventListener("wheel", (event) => event.ctrlKey || event.stopImmediatePropagation(), true);
  view.addEventListener("action", (event) => {
    event.preventDefault();
    const { action, startX, startY, endX, endY, scale: zoom } = event.detail;
    if (action === "move") {
      x -= (endX - startX) / scale();
      y -= (endY - startY) / scale();
    } else if (zoom) {
      side *= zoom < 0 ? 1 - zoom : 1 / (1 + zoom);
    }
    show();
  });
  view.addEventListener("pointerdown", () => frame.focus({ preventScroll: true }));
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in MOVES || event.key in ZOOMS)) return;
    event.preventDefault(); // the page must not scroll
    press(event.key);
  });
  for (const button of part.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => press(button.dataset.key));
  }

  frame.prepend(view);
  await image.$ready();
  show();
  new ResizeObserver(show).observe(view);
  frame.removeAttribute("aria-busy");
  return () => [x - side / 2, y - side / 2, x + side / 2, y + side / 2].map((edge, index) =>
    within(edge / (index % 2 ? height : width), 0, 1),
  );
}
