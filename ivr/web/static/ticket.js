// What makes one ticket quicker to work on; all of it can be done without, by the forms alone.
const one = document.querySelector("[data-one]");
const ACTIVE_EVERY = 60000; // ms: while somebody types or listens, the lease goes on
const dirty = "input:not([type=hidden]), textarea, select";

// The answer to a form that was not carried out stands at the form's address; the ticket has its own.
if (!location.pathname.endsWith(one.dataset.one) && document.getElementById("failed")) {
  history.replaceState(null, "", `/callbacks/${one.dataset.one}`);
}

// What was typed before stays typed: a field that was set by hand is left alone when the page keeps itself fresh.
if (document.getElementById("failed")) {
  for (const field of one.querySelectorAll(dirty)) {
    if (field.type === "radio" || field.type === "checkbox") field.checked = field.checked;
    else field.value = field.value;
  }
}

// Who does one thing, or looks at another ticket, does not lose what was being typed; it stays in this tab alone.
const KEPT = `typed ${one.dataset.one}`;
const SENT = "sent"; // it comes back if the form only led to the login, which had ended
const taken = JSON.parse(sessionStorage.getItem(SENT) ?? "{}");
sessionStorage.removeItem(SENT);
const fromLogin = URL.canParse(document.referrer) && new URL(document.referrer).pathname.startsWith("/login");
const back = fromLogin && taken.one === one.dataset.one ? taken.typed : {};
let sent = null;
for (const [id, text] of Object.entries({ ...JSON.parse(sessionStorage.getItem(KEPT) ?? "{}"), ...back })) {
  const field = document.getElementById(id);
  if (field && field.value === field.defaultValue) field.value = text;
}
one.addEventListener("submit", (event) => (sent = event.target));
addEventListener("pagehide", () => {
  const fields = [...one.querySelectorAll("textarea, input:not([type])")].filter((field) => field.id && field.value !== field.defaultValue);
  const typed = (some) => Object.fromEntries(some.map((field) => [field.id, field.value]));
  sessionStorage.setItem(KEPT, JSON.stringify(typed(fields.filter((field) => field.form !== sent))));
  const gone = typed(fields.filter((field) => field.form === sent));
  if (sent) sessionStorage.setItem(SENT, JSON.stringify({ one: one.dataset.one, typed: gone }));
});

let said = 0;
async function active() {
  if (!one.querySelector("[data-mine]") || Date.now() - said < ACTIVE_EVERY) return;
  said = Date.now();
  const token = one.querySelector("[name=token]").value;
  const answer = await fetch(`/callbacks/${one.dataset.one}/active`, {
    method: "POST",
    body: new URLSearchParams({ token }),
    redirect: "manual",
  }).catch(() => null);
  if (answer?.status === 409) lost(await answer.text());
}

function lost(why) {
  const box = document.getElementById("lost");
  box.textContent = why;
  box.hidden = false;
}

one.addEventListener("input", active);
one.addEventListener("play", active, true);
one.addEventListener("timeupdate", (event) => event.target.paused || active(), true);

// Of those who claim at once all but one lose: that is told where they are.
one.querySelector(".act-claim").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (document.body.hasAttribute("data-going")) return;
  document.body.setAttribute("data-going", "");
  const form = event.target;
  const asked = { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "text/plain" } };
  const answer = await fetch(form.action, { ...asked, redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.assign(`/callbacks/${one.dataset.one}${location.search}`);
  else if (answer && answer.status !== 409) form.submit();
  else {
    document.body.removeAttribute("data-going");
    lost(answer ? await answer.text() : "サーバーにつながりません。少し待ってから、もう一度押してください。");
  }
});

// The next attempt that a result proposes, until somebody writes another one.
const next = document.getElementById("result-next");
let proposed = next.value === "";
next.addEventListener("input", () => (proposed = next.value === ""));
one.addEventListener("change", (event) => {
  if (event.target.name === "result" && proposed) next.value = event.target.dataset.next;
});

// A panel that is opened takes the keyboard; Esc closes it. One that opens by itself takes it from nobody who types.
one.addEventListener(
  "toggle",
  (event) => {
    const panel = event.target;
    if (!panel.open || !panel.matches(".act")) return;
    if (!matchMedia("(pointer: fine)").matches) return; // a keyboard on the screen would cover what was opened
    const typing = document.activeElement?.matches("textarea, input:not([type=radio], [type=checkbox])");
    if (typing && !panel.contains(document.activeElement)) return;
    const first = [...panel.querySelectorAll(".act-panel :is(input:not([type=hidden]), textarea, select, button)")];
    first.find((field) => field.checkVisibility())?.focus();
  },
  true,
);
one.addEventListener("keydown", (event) => {
  const panel = event.target.closest(".act[open]");
  if (event.key === "Escape" && panel && !event.isComposing) {
    panel.open = false;
    panel.querySelector("summary").focus();
  }
  const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
  if (digit && event.target.name === "result" && !event.altKey && !event.ctrlKey && !event.metaKey) {
    const box = panel?.querySelectorAll("[name=result]")[digit - 1];
    if (box) {
      event.preventDefault();
      box.focus();
      box.click();
    }
  }
});
// Who comes back from a call by hand is asked how it went, also when the telephone had thrown the page away meanwhile.
const RANG = `rang ${one.dataset.one}`;
const ask = () => (document.getElementById("act-result").open = true);
one.addEventListener("click", (event) => {
  if (!event.target.closest("#tel")) return;
  sessionStorage.setItem(RANG, "1");
  ask();
});
if (!document.getElementById("tel")) sessionStorage.removeItem(RANG);
else if (sessionStorage.getItem(RANG)) ask();
if (one.querySelector(".act[data-wanted]")) one.querySelector(".act[data-wanted] [name=result]").focus();
