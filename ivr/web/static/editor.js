// The editor of a dialplan. Without this script the page is a form with a textarea that does the same.
import {
  EditorState, EditorView, HighlightStyle, bracketMatching, defaultKeymap, drawSelection, highlightActiveLine,
  highlightSelectionMatches, highlightSpecialChars, history, historyKeymap, indentUnit, keymap, lineNumbers,
  lintGutter, lintKeymap, search, searchKeymap, setDiagnostics, syntaxHighlighting, tags, yaml,
} from "./vendor/codemirror.js";

const PAUSE = 500; // milliseconds without a key before the text is checked
const PATIENCE = 30000;
const form = document.getElementById("edit-form");
const area = document.getElementById("text");
const kept = `ivr-draft-${form.dataset.line}`; // of this tab only

const phrases = {
  "Find": "検索", "Replace": "置換", "next": "次へ", "previous": "前へ", "all": "すべて選択", "match case": "大小文字を区別",
  "regexp": "正規表現", "by word": "単語単位", "replace": "置換", "replace all": "すべて置換", "close": "閉じる",
  "current match": "現在の一致", "replaced $ matches": "$件を置き換えました", "replaced match on line $": "$行目を置き換えました",
  "on line": "行", "Diagnostics": "問題", "No diagnostics": "問題はありません", "Control character": "制御文字",
};
const colours = HighlightStyle.define([
  { tag: tags.comment, color: "#55616c" },
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "#0f5c8c" },
  { tag: [tags.string, tags.special(tags.string)], color: "#1d5e2e" },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.squareBracket, tags.brace], color: "#55616c" },
]);
const theme = EditorView.theme({
  "&": { color: "#1d2730", backgroundColor: "#fff" },
  "&.cm-focused": { outline: "none" }, // the box around it shows the focus
  ".cm-scroller": { fontFamily: 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "Noto Sans Mono CJK JP", monospace', lineHeight: "1.6" },
  ".cm-gutters": { backgroundColor: "#f5f6f7", color: "#55616c", borderRight: "1px solid #d9dee3" },
  ".cm-activeLine": { backgroundColor: "#f5f9fc" },
  // CodeMirror's own are images in data: URLs, which the policy forbids.
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy", textUnderlineOffset: "4px" },
  ".cm-lintRange-error": { textDecorationColor: "#a4161a" },
  ".cm-lintRange-warning": { textDecorationColor: "#55616c" },
  ".cm-lint-marker": { textAlign: "center", fontWeight: "bold" },
  ".cm-lint-marker-error": { content: "none" },
  ".cm-lint-marker-error::before": { content: '"●"', color: "#a4161a" },
  ".cm-lint-marker-warning": { content: "none" },
  ".cm-lint-marker-warning::before": { content: '"○"', color: "#55616c" },
  ".cm-panels": { backgroundColor: "#f5f6f7", color: "#1d2730" },
});

const view = new EditorView({
  parent: document.getElementById("editor"),
  state: EditorState.create({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(form.dataset.nonce),
      EditorState.phrases.of(phrases),
      // Tab is left to the browser: whoever works by keyboard must be able to leave the editor.
      keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap]),
      lineNumbers(), highlightActiveLine(), highlightSpecialChars(), drawSelection(), history(), bracketMatching(),
      highlightSelectionMatches(), search({ top: true }), lintGutter(), yaml(), indentUnit.of("  "),
      syntaxHighlighting(colours), theme, EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-labelledby": "text-label", "aria-describedby": "problem-count", "spellcheck": "false", "tabindex": "0" }),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
    ],
  }),
});
document.getElementById("editor").hidden = false;
area.hidden = true;
document.getElementById("text-label").addEventListener("click", () => view.focus());
form.addEventListener("formdata", (event) => event.formData.set("text", text()));

function text() {
  return view.state.doc.toString();
}

// -- problems, at their lines ------------------------------------------------------------------

let waiting = 0;
let asking = null;

function changed() {
  keep();
  clearTimeout(waiting);
  waiting = setTimeout(() => ask(form.getAttribute("action"), ["results"]), PAUSE);
}

async function ask(action, parts) {
  clearTimeout(waiting);
  asking?.abort();
  const mine = (asking = new AbortController());
  const patience = setTimeout(() => mine.abort("slow"), PATIENCE);
  const asked = text();
  try {
    const answer = await fetch(action, {
      method: "POST", body: new FormData(form), headers: { "X-Part": "results" }, redirect: "manual", signal: mine.signal,
    });
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      return tell("ログインの有効期限が切れました。書きかけは残っています。この画面を開き直して、もう一度ログインしてください。");
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    tell("");
    for (const part of parts) {
      const old = document.getElementById(part);
      const now = fresh.getElementById(part);
      if (old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes);
    }
    document.getElementById("live-status").textContent = document.getElementById("problem-count").textContent;
    if (asked === text()) mark();
  } catch {
    if (!mine.signal.aborted || mine.signal.reason === "slow") tell("確認できませんでした。通信の状態を確かめて、もう一度「確認する」を押してください。");
  } finally {
    clearTimeout(patience);
    if (asking === mine) asking = null;
  }
}

function mark() {
  const found = [...document.querySelectorAll("#problems [data-line]")].map((row) => {
    const place = view.state.doc.line(Math.min(Number(row.dataset.line), view.state.doc.lines));
    const from = Math.min(place.from + Number(row.dataset.column) - 1, place.to);
    const severity = row.dataset.severity;
    return { from, to: Math.max(from, place.to), severity, message: row.querySelector(".message").textContent };
  });
  view.dispatch(setDiagnostics(view.state, found));
}

function tell(what) {
  const notice = document.getElementById("live-notice");
  notice.textContent = what;
  notice.hidden = !what;
}

document.addEventListener("click", (event) => {
  const row = event.target.closest?.("#problems a.place")?.closest("[data-line]");
  if (!row) return;
  event.preventDefault();
  const place = view.state.doc.line(Math.min(Number(row.dataset.line), view.state.doc.lines));
  const at = Math.min(place.from + Number(row.dataset.column) - 1, place.to);
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
});

// -- buttons: only publishing leaves the page --------------------------------------------------

const SHOWS = { check: ["results"], difference: ["results"], simulate: ["problems", "transcript-area"] };

form.addEventListener("submit", async (event) => {
  const action = event.submitter?.formAction ?? form.action;
  const parts = SHOWS[action.split("/").at(-1)];
  if (!parts) return;
  event.preventDefault();
  event.submitter.setAttribute("aria-busy", "true");
  await ask(action, parts);
  event.submitter.removeAttribute("aria-busy");
});
// Enter in a field of "試す" tries the call; elsewhere it does what the first button does: check.
document.getElementById("simulate").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "INPUT") return;
  event.preventDefault();
  form.requestSubmit(document.querySelector("#simulate button"));
});

// -- nothing is lost: a draft outlives a reload, a login that ended, a wrong link --------------

const given = area.value;

function keep() {
  try {
    sessionStorage.setItem(kept, JSON.stringify({ digest: form.elements.digest.value, text: text() }));
  } catch {
    // The browser keeps nothing, or the text is too large: then there is no draft.
  }
}

function drop() {
  sessionStorage.removeItem(kept);
  document.getElementById("draft").hidden = true;
}

const draft = JSON.parse(sessionStorage.getItem(kept) ?? "null");
if (draft && draft.text !== given && form.dataset.unpublished === "no") document.getElementById("draft").hidden = false;
document.getElementById("draft-take").addEventListener("click", () => {
  // With the file that it was written for: if that changed since, publishing says so.
  form.elements.digest.value = draft.digest;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: draft.text } });
  document.getElementById("draft").hidden = true;
  view.focus();
});
document.getElementById("draft-drop").addEventListener("click", drop);
document.querySelector("[data-reload]").addEventListener("click", drop);

mark();
