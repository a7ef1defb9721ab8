// What comes in above a button moves it away from under a finger or a mouse that is just pressing it. A browser
// then takes the press for one of whatever is there when it ends, or of nothing.

const STILL = 10; // pixels that a finger may move while it presses

/** Lets every press count that began on a button and ended where it began. */
export function holdPresses(button) {
  let pressed;
  addEventListener("pointerdown", (event) => {
    pressed = button.contains(event.target) ? event : null;
  }, true);
  addEventListener("click", (event) => {
    const began = pressed;
    pressed = null;
    if (!began || event.pointerId !== began.pointerId || button.contains(event.target)) return;
    if (Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY) > STILL) return;
    event.preventDefault();
    event.stopPropagation();
    button.click();
  }, true);
}
