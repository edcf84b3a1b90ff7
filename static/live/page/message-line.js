/** The line under the text: errors, cut texts, and the results of buttons. */

import { say } from "../lib/dom.js";
import { readNote, refusal } from "../lib/strings.js";

/**
 * @import { RatingSocket } from "../client/socket.js"
 * @import { Display } from "./display.js"
 * @import { Editor } from "./editor.js"
 */

export class MessageLine {
  #cutAtChars = 0;
  #said = "";
  #display;

  /**
   * @param {RatingSocket} socket
   * @param {Editor} editor
   * @param {Display} display
   */
  constructor(socket, editor, display) {
    this.#display = display;
    socket.addEventListener("sent", ({ detail: { isCut, chars } }) => {
      this.#cutAtChars = isCut ? chars : 0;
      this.#show();
    });
    editor.addEventListener("text", () => this.say(""));
    display.addEventListener("shown", () => this.#show());
    display.addEventListener("refused", () => this.#show());
  }

  /** @param {string} words One line, announced to screen readers. It stays until the text changes. */
  say(words) {
    this.#said = words;
    this.#show();
    if (words !== "") say("status", words);
  }

  #show() {
    say("note", this.#words());
  }

  #words() {
    const { refused, shown } = this.#display;
    if (refused !== null) return refusal(refused);
    if (this.#said !== "") return this.#said;
    return readNote(shown, this.#cutAtChars);
  }
}
