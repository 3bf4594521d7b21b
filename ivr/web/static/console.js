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

// What takes a while says so: a page that is on its way, after what was pressed.
const going = () => document.body.setAttribute("data-going", "");
document.addEventListener("submit", (event) => event.defaultPrevented || going());
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const here = link?.getAttribute("href").startsWith("#") || link?.href.startsWith("tel:");
  if (link && !here && !link.hasAttribute("download") && !event.ctrlKey && !event.metaKey && !event.shiftKey) going();
});
addEventListener("pageshow", () => document.body.removeAttribute("data-going"));
