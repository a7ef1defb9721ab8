// Comfort only: without JavaScript the browser's own menu prints the page.
document.querySelector("[data-print]")?.addEventListener("click", () => print());

// Browsers without ::details-content (before 2025) would print a closed section closed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.fold:not([open])")];
  for (const fold of opened) fold.open = true;
});
addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
