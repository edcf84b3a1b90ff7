/**
 * Links that contain the text, and files of it. Both are made in the browser and never sent. Their modules are loaded
 * on first use.
 */

import { byId, say } from "../lib/dom.js";
import { CONNECTION_LOST } from "../lib/strings.js";
import {
  COPIED,
  LINK_COPIED,
  LINK_DAMAGED,
  LINK_OPENED,
  LINK_SHOWN,
  LINK_TOO_LONG,
  NOTHING_TO_SHARE,
} from "./strings.js";

/**
 * @import { Page } from "../page/page.js"
 * @import { Recording } from "../timeline/recording.js"
 */

const SAID_FOR_MS = 2_000;

/** @param {Page} page @param {Recording} recording */
export function attachSharing(page, recording) {
  const { editor, display, messageLine } = page;
  /** @type {HTMLInputElement} */
  const field = byId("text-link");

  async function shareLink() {
    const { MAX_LINK_CHARS, toFragment } = await import("./link-fragment.js");
    const link = new URL(location.href);
    link.hash = await toFragment(editor.text);
    if (link.href.length > MAX_LINK_CHARS) return messageLine.say(LINK_TOO_LONG);
    if (await copy(link.href, field)) sayOn(byId("copy-link"), LINK_COPIED);
    else messageLine.say(LINK_SHOWN);
  }

  async function openLink() {
    if (!/^#(text|z)=/.test(location.hash)) return;
    const { fromFragment } = await import("./link-fragment.js");
    const text = await fromFragment(location.hash);
    // Remove the text from the address, or a reload would overwrite what was written since.
    history.replaceState(history.state, "", location.pathname + location.search);
    page.linkedText = text;
    if (text !== null) editor.bring(text);
    messageLine.say(text === null ? LINK_DAMAGED : LINK_OPENED);
  }

  /** @param {"json" | "csv"} kind */
  async function save(kind) {
    const { TYPES, WRITERS } = await import("./export-files.js");
    const model = page.session?.model ?? null;
    const { shown, labels } = display;
    const written = { text: editor.text, shown, moments: recording.all, model, labels };
    const name = `starcast-${new Date().toISOString().slice(0, 10)}.${kind}`;
    download(name, TYPES[kind], WRITERS[kind](written));
  }

  /** @param {string} id @param {() => Promise<void>} share */
  function onClick(id, share) {
    byId(id).addEventListener("click", () => {
      if (editor.text.trim() === "") messageLine.say(NOTHING_TO_SHARE);
      else share().catch(() => messageLine.say(CONNECTION_LOST));
    });
  }

  onClick("copy-link", shareLink);
  onClick("save-json", () => save("json"));
  onClick("save-csv", () => save("csv"));
  const open = () => openLink().catch(() => messageLine.say(CONNECTION_LOST));
  window.addEventListener("hashchange", open);
  open();
}

/**
 * Copies a link, or shows it in a field if the browser does not allow copying.
 * @param {string} link
 * @param {HTMLInputElement} field
 * @returns {Promise<boolean>} Whether it was copied.
 */
export async function copy(link, field) {
  try {
    await navigator.clipboard.writeText(link);
    return true;
  } catch {
    field.value = link;
    field.hidden = false;
    field.select();
    return false;
  }
}

/**
 * Says on a button that it has copied, where the finger is; what exactly, to screen readers.
 * @param {HTMLElement} button
 * @param {string} words
 */
export function sayOn(button, words) {
  say("status", words);
  if (button.dataset.said !== undefined) return;
  button.dataset.said = "";
  const { textContent } = button;
  button.textContent = COPIED;
  setTimeout(() => {
    button.textContent = textContent;
    delete button.dataset.said;
  }, SAID_FOR_MS);
}

/** @param {string} name @param {string} type @param {string} content */
function download(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
