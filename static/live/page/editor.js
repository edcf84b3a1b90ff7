/** The text field. It is listened to and never disturbed: only a button may replace what a person wrote. */

import { byId } from "../lib/dom.js";

/**
 * @import { RatingSocket } from "../client/socket.js"
 * @import { TypedEvents } from "../client/typed-events.js"
 */

// What an Enter is called once its line is in the text; one that ends a composition is none of these.
const LINE_ENDS = ["insertLineBreak", "insertParagraph"];

const Events = /** @type {TypedEvents<{text: {text: string}}>} */ (EventTarget);

/**
 * Dispatches `text`, with `detail.text`, at every change. While an input method composes, the text is no text yet,
 * and the server is told nothing.
 */
export class Editor extends Events {
  #field;
  #socket;
  #isComposing = false;
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
    field.addEventListener("compositionstart", () => {
      this.#isComposing = true;
    });
    field.addEventListener("compositionend", () => {
      this.#isComposing = false;
      this.#changed();
    });
    field.addEventListener("input", (event) => {
      const { inputType } = /** @type {InputEvent} */ (event);
      this.#changed();
      if (LINE_ENDS.includes(inputType) && !this.#isComposing) this.#socket.flush();
    });
    field.addEventListener("blur", () => this.flush());
    field.addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
      if (key === "Enter" && (ctrlKey || metaKey)) this.flush();
    });
    // A browser restores a text without an input event.
    window.addEventListener("pageshow", () => this.tell());
  }

  get text() {
    return this.#field.value;
  }

  /** Whether the text on the screen is the one that was submitted last. */
  get isTold() {
    return this.#field.value === this.#told;
  }

  /** Whether a text of one's own waits to be brought back. */
  get hasKept() {
    // An undo may have brought it back already.
    return this.#kept.length > 0 && this.#kept.at(-1) !== this.text;
  }

  /** @param {string} text Takes the place of what one wrote, which is kept. */
  bring(text) {
    const isOwn = this.text !== "" && this.text !== this.#brought;
    if (isOwn && this.text !== this.#kept.at(-1)) this.#kept.push(this.text);
    this.#brought = text;
    this.replace(text);
  }

  /** Brings back what one wrote before. */
  bringBack() {
    this.#brought = null;
    this.replace(this.#kept.pop() ?? this.text);
  }

  /** @param {string} text In place of what is there, as if it had been typed, so that an undo brings that back. */
  replace(text) {
    const { activeElement } = document;
    const { scrollX, scrollY } = window;
    this.focus();
    this.#field.select();
    document.execCommand(text === "" ? "delete" : "insertText", false, text);
    // Not every browser does that, and none has another way.
    if (this.#field.value !== text) {
      this.#field.value = text;
      this.#changed();
    }
    // A phone would bring its keyboard up.
    if (activeElement !== this.#field) this.#field.blur();
    /** @type {Partial<HTMLElement> | null} */ (activeElement)?.focus?.({ preventScroll: true });
    window.scrollTo(scrollX, scrollY);
  }

  /** Submits what is there now. */
  tell() {
    if (this.#isComposing || this.isTold) return;
    this.#told = this.#field.value;
    this.#socket.submit(this.#told);
  }

  /** Submits what is there now, and asks for a final answer without waiting any longer. */
  flush() {
    this.tell();
    this.#socket.flush();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  #changed() {
    this.tell();
    this.dispatchEvent(new CustomEvent("text", { detail: { text: this.text } }));
  }
}

/**
 * The buttons that bring an example, and the one that brings back what was there before.
 * @param {{editor: Editor}} page
 */
export function attachExamples({ editor }) {
  const restore = byId("restore");
  editor.addEventListener("text", () => {
    restore.hidden = !editor.hasKept;
  });
  /** @type {NodeListOf<HTMLButtonElement>} */
  const examples = document.querySelectorAll("button[data-example]");
  for (const example of examples) {
    example.addEventListener("click", () => editor.bring(example.dataset.text ?? ""));
  }
  restore.addEventListener("click", () => {
    editor.bringBack();
    editor.focus();
  });
}
