// Keeps the page true. What is marked data-live is fetched again and changed in place: every 5 s, and on the console as
// soon as the server says that something happened (server-sent events; while these come, a look every 30 s is enough).
// Elements are changed, not replaced, so focus, a selection, a word in composition and a click in progress survive;
// the row under the pointer or with the focus stays where it is on the screen.
"use strict";

// Whoever logs in after a logout finds nothing that was typed and not sent; after a login that ended it is all there.
document.addEventListener("submit", (event) => {
  if (new URL(event.target.action, location.href).pathname === "/logout") sessionStorage.clear();
});

const EVERY = 5000;
const EVERY_IF_TOLD = 30000;
const AT_MOST_EVERY = 500; // however much happens
const PATIENCE = 10000;
const SILENT = 25000; // the server says something every 10 s
const AGAIN = 5000;
const AGAIN_AT_FIRST = 200; // a stream ends now and then
const notice = document.getElementById("live-notice");
const status = document.getElementById("live-status");
// What this page alone knows of an element: that it was unfolded, is being heard, or is the one that was chosen.
const OWN = ["open", "data-now", "aria-current"];

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

function update(root, fresh) {
  const focused = document.activeElement?.id;
  const held = document.querySelector(".row:hover, .row:focus-visible")?.id;
  const top = held && document.getElementById(held).getBoundingClientRect().top;
  const before = count(document);
  for (const part of root.querySelectorAll("[data-live]")) {
    const counterpart = fresh.getElementById(part.id);
    if (counterpart) morph(part, counterpart);
  }
  if (fresh.title) document.title = fresh.title;
  const now = count(document);
  if (now !== before) {
    document.title = `${now ? `(${now}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
    if (now > before) status.textContent = `新しい折り返しが${now - before}件あります`;
  }
  if (focused && document.activeElement === document.body) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
  stay(held, top);
}

// The row that is pointed at stays where it is; in a pane of its own that pane is moved.
function stay(id, before) {
  const row = id && document.getElementById(id);
  if (!row) return;
  const moved = row.getBoundingClientRect().top - before;
  if (!moved) return;
  const pane = row.closest("[data-scroll]");
  if (pane && pane.scrollHeight > pane.clientHeight) pane.scrollTop += moved;
  else window.scrollBy({ top: moved, behavior: "instant" });
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

// From where the parts below `root` come: its data-source, else this page.
async function refresh(root) {
  // A ticket that is fetched is noted as looked at; beside the list of a telephone nobody sees it.
  if (root.dataset?.ticket && !root.getClientRects().length) return true;
  const source = root.dataset?.source ?? location.pathname + location.search;
  const options = { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  const answer = await fetch(source, options);
  if (answer.type === "opaqueredirect") {
    say("ログインの有効期限が切れました。もう一度ログインしてください", location.pathname + location.search);
    return false;
  }
  if (answer.status === 404 && root.dataset?.source) return true; // of another one by now; the page itself says so
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  update(root, new DOMParser().parseFromString(await answer.text(), "text/html"));
  return true;
}

const panes = [...document.querySelectorAll("[data-source]")];
const roots = panes.length ? panes : [document];
let timer = 0; // of the next look
let last = 0; // when it was looked last
let looking = false;
let wanted = new Set(); // roots that something was said of meanwhile
let told = false; // the server says by itself when something happens

async function look(these) {
  clearTimeout(timer);
  if (looking) {
    these.forEach((root) => wanted.add(root));
    return;
  }
  looking = true;
  last = Date.now();
  let going = true;
  try {
    for (const root of these) going = going && (await refresh(root));
    if (going) say(told || !stream ? "" : SLOW);
  } catch {
    say("最新の状態を取得できません。自動で再接続しています…");
  }
  looking = false;
  if (!going) return;
  if (wanted.size) soon();
  else timer = setTimeout(() => look(roots), told && !document.hidden ? EVERY_IF_TOLD : EVERY);
}

function soon() {
  const these = () => {
    const found = roots.filter((root) => wanted.has(root));
    wanted = new Set();
    return found;
  };
  clearTimeout(timer);
  const rest = last + AT_MOST_EVERY - Date.now();
  if (rest <= 0) look(these());
  else timer = setTimeout(() => look(these()), rest);
}

// -- told by the server ---------------------------------------------------------------------------

const SLOW = "接続が不安定です。5秒ごとに更新しています。";
const address = document.querySelector("[data-stream]")?.dataset.stream;
let stream = null;
let watchdog = 0;
let again = AGAIN_AT_FIRST;

function listen() {
  stream = new EventSource(address);
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENT);
    again = AGAIN_AT_FIRST;
    if (told) return;
    told = true;
    look(roots); // what happened while nobody said so
  };
  stream.addEventListener("open", alive);
  stream.addEventListener("ping", alive);
  stream.addEventListener("changed", (event) => {
    alive();
    const tickets = JSON.parse(event.data);
    for (const root of roots) {
      const ticket = root.dataset.ticket;
      if (!ticket || tickets.includes(ticket)) wanted.add(root);
    }
    if (!looking) soon();
  });
  stream.addEventListener("error", lost);
  watchdog = setTimeout(lost, SILENT);
}

function lost() {
  clearTimeout(watchdog);
  stream?.close();
  watchdog = setTimeout(listen, again);
  again = AGAIN;
  if (!told) return;
  told = false;
  clearTimeout(timer);
  timer = setTimeout(() => look(roots), 2 * AT_MOST_EVERY); // unless it is heard again by then
}

// A page that nobody sees takes none of the few connections a browser has.
function seen() {
  clearTimeout(watchdog);
  if (document.hidden) {
    stream?.close();
    stream = null;
    told = false;
  } else if (!stream) listen();
}

if (document.querySelector("[data-live]:not(#trial-clock)")) timer = setTimeout(() => look(roots), EVERY);
if (address) {
  document.addEventListener("visibilitychange", seen);
  if (!document.hidden) listen();
}
