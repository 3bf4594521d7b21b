// The telephone's state in the bar: seconds count down, the state comes anew every 5 s, and a choice keeps the page
// (and what was typed in it) as it is. Without this script it is a plain form.
"use strict";

(() => {
  const EVERY = 5000;
  const seat = () => document.getElementById("seat");
  if (!seat()) return;

  const tick = () => {
    for (const left of document.querySelectorAll("[data-ends]")) {
      // the server's clock may be another one than ours: the first text says how far they are apart
      left.dataset.off ??= Number(left.dataset.ends) - Date.now() / 1000 - Number.parseInt(left.textContent.slice(2), 10);
      const seconds = Math.max(0, Math.round(Number(left.dataset.ends) - Number(left.dataset.off) - Date.now() / 1000));
      left.textContent = `あと${seconds}秒`;
    }
  };

  const put = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("seat");
    const old = seat();
    if (!fresh || !old) return;
    fresh.open = old.open;
    const focused = old.contains(document.activeElement);
    const value = document.activeElement?.value;
    if (focused && old.open && old.className === fresh.className) return; // somebody is choosing
    old.replaceWith(fresh);
    if (focused) ([...fresh.querySelectorAll("button")].find((one) => one.value === value) ?? fresh.querySelector("summary")).focus();
  };

  const ask = async (options) => {
    const answer = await fetch(`/me/state?${new URLSearchParams({ next: location.pathname + location.search })}`, {
      redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(10000), ...options,
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.text();
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.closest("#seat")) return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    try {
      const html = await ask({ method: "POST", body, headers: { "X-Part": "state" } });
      seat().open = false;
      seat().querySelector("summary").focus();
      put(html);
    } catch {
      // The plain form shows what is wrong: the login is over, or the server does not answer.
      const { name, value } = event.submitter;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      form.submit();
    }
  });

  document.addEventListener("click", (event) => {
    const open = seat();
    if (open?.open && !open.contains(event.target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && seat()?.open) {
      seat().open = false;
      seat().querySelector("summary").focus();
    }
  });

  setInterval(tick, 1000);
  setInterval(() => {
    if (!document.hidden) ask({}).then(put, () => {});
  }, EVERY);
})();

// That somebody listens to a customer is noted when the sound begins, not when a page loads it.
document.addEventListener("play", (event) => {
  const message = /^\/messages\/([^/]+)\/audio/.exec(new URL(event.target.currentSrc || event.target.src, location).pathname);
  const token = document.querySelector('input[name="token"]')?.value;
  if (message && token) {
    fetch(`/messages/${message[1]}/heard`, { method: "POST", body: new URLSearchParams({ token }), keepalive: true, redirect: "manual" }).catch(() => {});
  }
}, true);
