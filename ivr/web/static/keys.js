// The keyboard. A key clicks, or goes to, the one visible element that says so by data-key; j and k go through the list.
// Keys are read by `code` where an input method hides the letter. In a text field, with Ctrl, Alt or Command, and while a
// word is composed they do nothing. Who does not want them switches them off (WCAG 2.1.4); this browser remembers it.
"use strict";

const OFF = "keys-off";
const help = document.getElementById("keys-help");
const isOff = () => localStorage.getItem(OFF) === "1";
const TEXT = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit])";

function letter(event) {
  if (event.key === "?" || (event.code === "Slash" && event.shiftKey)) return "?";
  if (event.shiftKey) return null;
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  return /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? null; // ｊ, や or "Process"
}

function press(key) {
  const target = [...document.querySelectorAll(`[data-key="${key}"]`)].find((one) => one.checkVisibility());
  if (!target) return false;
  target.scrollIntoView({ block: "nearest" });
  target.focus();
  if (!target.matches(TEXT)) target.click();
  return true;
}

// From the row with the focus, else from the one that is open.
function go(step) {
  const rows = [...document.querySelectorAll(".console .row")].filter((row) => row.checkVisibility());
  const here = rows.findIndex((row) => row === document.activeElement);
  const open = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const from = here >= 0 ? here : open;
  const next = rows[from < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, from + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return Boolean(next);
}

function act(key) {
  if (key === "?" && help) return help.showModal() ?? true;
  if (key === "j" || key === "k") return go(key === "j" ? 1 : -1);
  return key ? press(key) : false;
}

// The Enter that confirms a conversion sends no form; Safari tells it by keyCode 229 alone.
addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.preventDefault();
    // Space plays (player.js) unless the keys are switched off.
    if (event.code === "Space" && isOff() && event.target === document.body) event.stopPropagation();
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest?.(TEXT) || document.querySelector("dialog[open]") || isOff()) return;
  if (event.repeat && !["KeyJ", "KeyK"].includes(event.code)) return;
  if (act(letter(event))) event.preventDefault();
});

if (help) {
  const box = help.querySelector("[data-keys-on]");
  box.checked = !isOff();
  box.addEventListener("change", () => localStorage.setItem(OFF, box.checked ? "0" : "1"));
  document.querySelector("[data-keys-help]")?.addEventListener("click", () => help.showModal());
}
