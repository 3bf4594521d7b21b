// The player of a message: a waveform to jump in, words that light up and are heard by a click, speed, silence skipped.
// One for each [data-player]; without this script the browser's own player stays. What is played, and the words, stand in
// parts of the page that live.js may change at any time, so they are looked up when they are needed.
const KEPT = "player"; // in localStorage: how this person likes to listen
const STEP = 5; // seconds by an arrow key where there are no words
const LEAP = 10;
const LINGERS = 0.3; // seconds that a word stays lit
const AHEAD = 0.05; // seconds before a word at which it is heard whole

export function player(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const audio = root.querySelector("audio");
  const sound = () => part("sound").dataset;
  const words = () => [...document.querySelectorAll(`#${root.dataset.words} [data-start]`)];
  const seconds = () => (Number.isFinite(audio.duration) ? audio.duration : Number(sound().seconds) || 0);
  const kept = read();
  let offset = Number(sound().offset);
  let lit = null;

  function take() {
    // The levelled copy may have been made since the page was opened; its times begin elsewhere.
    if (audio.getAttribute("src") === sound().src) return;
    const at = audio.currentTime + offset - Number(sound().offset);
    offset = Number(sound().offset);
    audio.src = sound().src;
    audio.playbackRate = kept.speed;
    audio.currentTime = Math.max(0, at);
  }

  function play() {
    take();
    if (audio.ended) audio.currentTime = 0;
    audio.play().catch((error) => {
      if (error.name !== "AbortError") fail();
    });
  }

  function toggle() {
    if (audio.paused) play();
    else audio.pause();
  }

  function fail() {
    part("status").textContent = "音声を再生できません。通信を確かめて、もう一度「再生」を押してください。";
    audio.removeAttribute("src"); // or the browser would not try again
  }

  function seek(to) {
    take();
    audio.currentTime = Math.min(Math.max(0, to), seconds());
    show();
    tell();
  }

  function show() {
    const at = audio.currentTime;
    const length = seconds();
    part("needle").style.left = `${length ? (100 * at) / length : 0}%`;
    part("at").textContent = clock(at);
    part("length").textContent = clock(length);
    part("seek").max = length;
    part("seek").value = at;
    const now = words().findLast((word) => at >= Number(word.dataset.start) - AHEAD);
    light(now && (at < Number(now.dataset.end) + LINGERS || at < Number(now.dataset.start)) ? now : null);
  }

  function light(word) {
    if (word === lit) return;
    lit?.removeAttribute("data-now");
    word?.setAttribute("data-now", "");
    lit = word;
  }

  // What a screen reader says of the position: the time, and the word that is heard there.
  function tell() {
    part("seek").setAttribute("aria-valuetext", clock(audio.currentTime) + (lit ? `、${lit.textContent}` : ""));
  }

  function skip() {
    if (!kept.skip) return;
    const at = audio.currentTime;
    const [, end] = JSON.parse(sound().silences).find(([from, to]) => at >= from && at < to - 0.1) ?? [];
    if (end !== undefined) audio.currentTime = end;
  }

  function turn() {
    show();
    if (audio.paused) return;
    skip();
    requestAnimationFrame(turn);
  }

  function word(by) {
    const at = audio.currentTime;
    const starts = words().map((one) => Number(one.dataset.start));
    if (!starts.length) return seek(at + by * STEP);
    const next = starts.find((start) => start > at + 2 * AHEAD);
    const before = starts.findLast((start) => start < at - LINGERS);
    seek(by > 0 ? (next ?? seconds()) : (before ?? 0));
  }

  const keys = {
    ArrowRight: () => word(1), ArrowUp: () => word(1), ArrowLeft: () => word(-1), ArrowDown: () => word(-1),
    PageUp: () => seek(audio.currentTime + LEAP), PageDown: () => seek(audio.currentTime - LEAP),
  };
  part("seek").addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !keys[event.code]) return;
    event.preventDefault();
    keys[event.code]();
  });
  part("seek").addEventListener("input", (event) => seek(Number(event.target.value)));
  part("play").addEventListener("click", toggle);
  part("speed").addEventListener("change", (event) => keep({ speed: Number(event.target.value) }));
  part("skip").addEventListener("change", (event) => keep({ skip: event.target.checked }));
  document.getElementById(root.dataset.words).addEventListener("click", (event) => {
    const start = event.target.closest("[data-start]")?.dataset.start;
    if (start === undefined || !getSelection().isCollapsed) return; // who marks words to copy them does not want to hear
    seek(Number(start) - AHEAD);
    play();
  });
  for (const name of ["loadedmetadata", "durationchange", "seeked", "timeupdate"]) audio.addEventListener(name, show);
  audio.addEventListener("play", () => {
    part("status").textContent = "";
    part("play").dataset.state = "playing";
    part("play").textContent = "停止";
    turn();
  });
  audio.addEventListener("pause", () => {
    part("play").dataset.state = "paused";
    part("play").textContent = "再生";
    show();
    tell();
  });
  audio.addEventListener("error", () => audio.hasAttribute("src") && fail());

  function keep(change) {
    Object.assign(kept, change);
    audio.playbackRate = kept.speed;
    audio.defaultPlaybackRate = kept.speed;
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      // a browser that keeps nothing still plays
    }
  }

  keep({});
  part("speed").value = String(kept.speed);
  part("skip").checked = kept.skip;
  audio.controls = false;
  root.dataset.ready = "";
  if (audio.error) fail(); // before anybody listened for it
  show();
  tell();
  return { toggle, seek };
}

function read() {
  const usual = { speed: 1, skip: true };
  try {
    return { ...usual, ...JSON.parse(localStorage.getItem(KEPT)) };
  } catch {
    return usual;
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// Space plays and stops, wherever the focus is, but where Space has a meaning of its own. By `code`: with a Japanese IME
// on, `key` is "Process" or a wide space.
const TAKES_SPACE = "input:not([type=range]), textarea, select, button, summary, audio, [contenteditable]";

const [first] = [...document.querySelectorAll("[data-player]")].map(player);
document.addEventListener("keydown", (event) => {
  if (event.code !== "Space" || event.isComposing || event.repeat) return;
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!first || event.target.closest(TAKES_SPACE)) return;
  event.preventDefault();
  first.toggle();
});
