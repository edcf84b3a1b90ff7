/** The text field. It is listened to and never disturbed: only a button may replace what a person wrote. */

/**
 * Dispatches `text`, with `detail.text`, at every change. While an input method composes, the text is no text yet,
 * and the server is told nothing.
 */
export class Editor extends EventTarget {
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
   * @param {import("./socket.js").RatingSocket} socket
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
    field.addEventListener("input", () => this.#changed());
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
    return this.#kept.length > 0;
  }

  /** @param {string} text Takes the place of what one wrote, which is kept. */
  bring(text) {
    if (this.text !== "" && this.text !== this.#brought) this.#kept.push(this.text);
    this.#brought = text;
    this.replace(text);
  }

  /** Brings back what one wrote before. */
  bringBack() {
    this.#brought = null;
    this.replace(this.#kept.pop() ?? this.text);
  }

  /** @param {string} text */
  replace(text) {
    this.#field.value = text;
    this.#changed();
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
