/** The text field. The page never changes its text, except when a button is pressed. */

import { byId } from "../lib/dom.js";

/**
 * @import { RatingSocket } from "../client/socket.js"
 * @import { TypedEvents } from "../client/typed-events.js"
 */

// Input types of Enter, after the new line is in the text. An Enter that ends a composition has another type.
const LINE_ENDS = ["insertLineBreak", "insertParagraph"];

const Events = /** @type {TypedEvents<{text: {text: string}}>} */ (EventTarget);

/**
 * Dispatches `text`, with `detail.text`, at every change, also of text that an input method still composes: on Android
 * that is every word. It is read only: to write into the field or move its caret would end the composition.
 */
export class Editor extends Events {
  #field;
  #socket;
  /** @type {string | null} */
  #told = null;
  /** @type {string | null} */
  #brought = null;
  /** @type {string[]} */
  #kept = [];

  /**
   * @param {HTMLTextAreaElement} field
   * @param {RatingSocket} socket
   */
  constructor(field, socket) {
    super();
    this.#field = field;
    this.#socket = socket;
    field.addEventListener("compositionend", () => this.#changed());
    field.addEventListener("input", (event) => {
      const { inputType, isComposing } = /** @type {InputEvent} */ (event);
      this.#changed();
      if (LINE_ENDS.includes(inputType) && !isComposing) this.#socket.flush();
    });
    field.addEventListener("blur", () => this.flush());
    // A script may have changed the text without an input event.
    for (const type of ["focus", "change"]) field.addEventListener(type, () => this.#look());
    field.addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
      if (key === "Enter" && (ctrlKey || metaKey)) this.flush();
    });
    // A browser restores text without an input event.
    window.addEventListener("pageshow", () => this.#look());
  }

  get text() {
    return this.#field.value;
  }

  /** Whether the visible text is the last submitted one. */
  get isTold() {
    return this.#field.value === this.#told;
  }

  /** Whether there is a replaced text to restore. */
  get hasKept() {
    // An undo may have restored it already.
    return this.#kept.length > 0 && this.#kept.at(-1) !== this.text;
  }

  /** @param {string} text Replaces the person's text, which is kept for `restore`. */
  bring(text) {
    const isOwn = this.text !== "" && this.text !== this.#brought;
    if (isOwn && this.text !== this.#kept.at(-1)) this.#kept.push(this.text);
    this.#brought = text;
    this.replace(text);
  }

  /** Restores the person's text. */
  bringBack() {
    this.#brought = null;
    this.replace(this.#kept.pop() ?? this.text);
  }

  /** @param {string} text Replaces the field's text as if typed, so that undo restores the old one. */
  replace(text) {
    const { activeElement } = document;
    const { scrollX, scrollY } = window;
    this.focus();
    this.#field.select();
    document.execCommand(text === "" ? "delete" : "insertText", false, text);
    // Not all browsers support this, and there is no other way to keep undo.
    if (this.#field.value !== text) {
      this.#field.value = text;
      this.#changed();
    }
    // Focus would open the keyboard of a phone.
    if (activeElement !== this.#field) this.#field.blur();
    /** @type {Partial<HTMLElement> | null} */ (activeElement)?.focus?.({ preventScroll: true });
    window.scrollTo(scrollX, scrollY);
  }

  /** @param {string} text Puts a text into the empty field of a page that loads. There is nothing to undo yet. */
  restore(text) {
    this.#field.value = text;
    this.#changed();
  }

  /** Submits the current text. */
  tell() {
    if (this.isTold) return;
    this.#told = this.#field.value;
    this.#socket.submit(this.#told);
  }

  /** Submits the current text, and asks for a final answer at once. */
  flush() {
    this.#look();
    this.#socket.flush();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  #look() {
    if (!this.isTold) this.#changed();
  }

  #changed() {
    this.tell();
    this.dispatchEvent(new CustomEvent("text", { detail: { text: this.text } }));
  }
}

/**
 * The example buttons, and the button that restores the text from before.
 * @param {{editor: Editor}} page
 */
export function attachExamples({ editor }) {
  const restore = byId("restore");
  editor.addEventListener("text", () => {
    restore.hidden = !editor.hasKept;
  });
  // Another model may bring other examples.
  byId("examples").addEventListener("click", ({ target }) => {
    const { example, text } = /** @type {HTMLElement} */ (target).dataset;
    if (example !== undefined) editor.bring(text ?? "");
  });
  restore.addEventListener("click", () => {
    editor.bringBack();
    editor.focus();
  });
}
