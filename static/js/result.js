// Comfort only: without JavaScript the browser's own menu prints the page.
document.querySelector("[data-print]")?.addEventListener("click", () => print());
