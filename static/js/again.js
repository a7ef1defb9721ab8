// "Check again": a spot that is kept on this device is checked once more, with its last photo over the new one.
// Which spot, stands behind the address's "#", which no browser sends.

const ID = /^#spot=([0-9a-f]{32})$/;

/** Shows which spot is checked again, if one is; lets the result's page know. */
export async function showAgain(form) {
  const id = ID.exec(location.hash)?.[1];
  if (!id) return;
  const [{ readOne }, { fill, showPhoto, titleOf }] = await Promise.all([
    import("./spots/store.js"),
    import("./spots/show.js"),
  ]);
  const spot = await readOne(id).catch(() => null);
  const last = spot?.photos.at(-1);
  if (!last) return;
  form.action += location.hash;
  for (const link of document.querySelectorAll(".language a")) link.hash = location.hash;

  const part = document.querySelector("[data-again]").content.firstElementChild.cloneNode(true);
  fill(part, { name: titleOf(spot), last: last.time });
  showPhoto(part.querySelector("[data-photo]"), last);
  const lay = part.querySelector("[data-lay]");
  form.querySelector(".drop-zone").before(part);

  form.addEventListener("framed", ({ target }) => {
    if (target.querySelector(".crop-ghost")) return;
    const ghost = document.createElement("img");
    ghost.className = "crop-ghost";
    ghost.alt = "";
    ghost.hidden = !lay.checked;
    showPhoto(ghost, last);
    target.querySelector(".crop-box").before(ghost);
  });
  lay.addEventListener("change", () => {
    for (const ghost of form.querySelectorAll(".crop-ghost")) ghost.hidden = !lay.checked;
  });
}
