// Keeps the page true: every 5 s the page is fetched again and what changed is put in place.
// Elements are changed, not replaced, so focus, a selection and a click in progress survive;
// the row under the pointer or with the focus stays where it is on the screen.
"use strict";

const EVERY = 5000;
const PATIENCE = 10000;
const notice = document.getElementById("live-notice");
const status = document.getElementById("live-status");
// What this page alone knows of an element: that it was unfolded, or is being heard.
const OWN = ["open", "data-now"];

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = fresh.data;
  } else {
    for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name) && !OWN.includes(name)) old.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (old.hasAttribute("data-keyed")) morphRows(old, fresh);
    else morphChildren(old, fresh);
  }
}

function morphChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  const present = [...old.childNodes];
  wanted.forEach((node, i) => (present[i] ? morph(present[i], node) : old.append(node)));
  present.slice(wanted.length).forEach((node) => node.remove());
}

function morphRows(old, fresh) {
  const present = new Map([...old.children].map((row) => [row.id, row]));
  const wanted = [...fresh.children];
  const kept = new Set(wanted.map((row) => row.id));
  for (const [id, row] of present) if (!kept.has(id)) row.remove();
  let place = old.firstElementChild;
  for (const row of wanted) {
    const mine = present.get(row.id);
    if (mine) morph(mine, row);
    if (mine && mine === place) place = place.nextElementSibling;
    else old.insertBefore(mine ?? row, place);
  }
}

function update(fresh) {
  const focused = document.activeElement?.id;
  const held = document.querySelector(".row:hover, .row:focus-visible")?.id;
  const top = held && document.getElementById(held).getBoundingClientRect().top;
  const before = count(document);
  for (const part of document.querySelectorAll("[data-live]")) {
    const counterpart = fresh.getElementById(part.id);
    if (counterpart) morph(part, counterpart);
  }
  document.title = fresh.title;
  const added = count(document) - before;
  if (added > 0) status.textContent = `新しい折り返しが${added}件あります`;
  if (focused && document.activeElement === document.body) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
  const now = held && document.getElementById(held)?.getBoundingClientRect().top;
  if (now) window.scrollBy({ top: now - top, behavior: "instant" });
}

function count(page) {
  return Number(page.querySelector("[data-count]")?.dataset.count ?? 0);
}

function say(text, href) {
  if (notice.textContent !== text) {
    notice.textContent = href ? "" : text;
    if (href) notice.append(Object.assign(document.createElement("a"), { href, textContent: text }));
  }
  notice.hidden = !text;
}

async function refresh() {
  try {
    const options = { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
    const answer = await fetch(location.pathname, options);
    if (answer.type === "opaqueredirect") {
      say("ログインの有効期限が切れました。もう一度ログインしてください", location.pathname);
      return;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    update(new DOMParser().parseFromString(await answer.text(), "text/html"));
    say("");
  } catch {
    say("最新の状態を取得できません。自動で再接続しています…");
  }
  setTimeout(refresh, EVERY);
}

if (document.querySelector("[data-live]:not(#trial-clock)")) setTimeout(refresh, EVERY);
