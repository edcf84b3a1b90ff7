/** The list of texts that this browser keeps, and the switch that turns keeping on. */

import { byId, say } from "../lib/dom.js";
import { KeptTexts } from "./kept-texts.js";
import { DELETE, HISTORY_EMPTY, HISTORY_FAILED, keptText } from "./strings.js";

/**
 * @import { Page } from "../page/page.js"
 * @import { Kept } from "./kept-texts.js"
 */

// Typing counts as paused after this long without an answer.
const KEEP_AFTER_MS = 1_500;

/** @param {Page} page */
export function attachHistory({ editor, display, messageLine }) {
  /** @type {HTMLInputElement} */
  const toggle = byId("history-on");
  const list = byId("history-list");
  const kept = new KeptTexts(storage());
  /** @type {number | undefined} */
  let timer;

  /** @param {() => void} change */
  function change(change) {
    try {
      change();
    } catch {
      // Full or blocked storage throws.
      messageLine.say(HISTORY_FAILED);
    }
    show();
  }

  function keep() {
    clearTimeout(timer);
    const { shown } = display;
    if (!kept.isOn || shown === null || shown.isTooShort || shown.text !== editor.text) return;
    if (kept.texts[0]?.text === shown.text) return;
    const { text, expected_stars: stars, label } = shown;
    change(() => kept.keep({ text, stars, label, at: Date.now() }));
  }

  function show() {
    const { texts, isOn } = kept;
    toggle.checked = isOn;
    list.replaceChildren(...texts.map(entry));
    byId("history-clear").hidden = texts.length === 0;
    say("history-note", isOn && texts.length === 0 ? HISTORY_EMPTY : "");
  }

  /** @param {Kept} text */
  function entry(text) {
    const bring = buttonOf(keptText(text), () => {
      keep();
      editor.bring(text.text);
      editor.focus();
    });
    bring.className = "kept";
    bring.dir = "auto";
    const remove = buttonOf(DELETE, () => change(() => kept.delete(text)));
    const item = document.createElement("li");
    item.append(bring, remove);
    return item;
  }

  function keepLater() {
    clearTimeout(timer);
    if (kept.isOn) timer = setTimeout(keep, KEEP_AFTER_MS);
  }

  display.addEventListener("shown", keepLater);
  toggle.addEventListener("change", () => {
    change(() => kept.switch(toggle.checked));
    keep();
  });
  byId("history-clear").addEventListener("click", () => change(() => kept.clear()));
  window.addEventListener("pagehide", keep);
  // Other tabs change the list too.
  window.addEventListener("storage", show);
  // It may have been switched on before this was loaded.
  if (toggle.checked && !kept.isOn) change(() => kept.switch(true));
  show();
  keepLater();
}

/** @param {string} words @param {() => void} onClick */
function buttonOf(words, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.addEventListener("click", onClick);
  return button;
}

/** The browser's storage; if access to it throws, a storage whose methods throw. */
function storage() {
  try {
    return window.localStorage;
  } catch (error) {
    const fail = () => {
      throw error;
    };
    return { getItem: () => null, setItem: fail, removeItem: () => {} };
  }
}
