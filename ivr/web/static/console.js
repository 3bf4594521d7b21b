// The list stays where it was scrolled to while one ticket after the other is opened beside it.
"use strict";

const scroll = document.getElementById("scroll");
const KEY = `scroll ${document.getElementById("board").dataset.source}`;

const kept = Number(sessionStorage.getItem(KEY) ?? 0);
if (kept) scroll.scrollTop = kept;
addEventListener("pagehide", () => sessionStorage.setItem(KEY, String(scroll.scrollTop)));

const chosen = scroll.querySelector('.row[aria-current="true"]');
if (chosen && scroll.clientHeight) {
  const row = chosen.getBoundingClientRect();
  const pane = scroll.getBoundingClientRect();
  if (row.top < pane.top || row.bottom > pane.bottom) chosen.scrollIntoView({ block: "center" });
}
