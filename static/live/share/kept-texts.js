/** Texts kept in this browser: off by default, limited in number, and never sent anywhere. Uses no DOM. */

import { isSameStory } from "../lib/stories.js";

export const MAX_TEXTS = 20;
export const MAX_CHARS = 200_000;
const NAME = "starcast.history";

/**
 * @typedef {object} Kept
 * @property {string} text
 * @property {number} [stars] Expected stars.
 * @property {string} [label] The most probable one. It is shown where there are no stars.
 * @property {number} at Milliseconds since 1970.
 */

/** The kept texts, newest first. Read from storage each time, since all tabs share it. */
export class KeptTexts {
  #storage;

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  get isOn() {
    return this.#read().isOn;
  }

  /** @returns {Kept[]} */
  get texts() {
    return this.#read().texts;
  }

  /**
   * @param {boolean} isOn If off, no new texts are kept. Kept ones stay until they are deleted.
   * @throws If the browser blocks storage or it is full.
   */
  switch(isOn) {
    this.#write({ isOn, texts: this.texts });
  }

  /**
   * Keeps a text. Replaces the earlier version that it grew from. Does nothing while switched off.
   * @param {Kept} kept
   * @throws If the browser blocks storage or it is full.
   */
  keep(kept) {
    const { isOn, texts } = this.#read();
    if (!isOn || kept.text.trim() === "" || kept.text.length > MAX_CHARS) return;
    const others = texts.filter(({ text }) => text !== kept.text);
    if (others.length === texts.length && others.length > 0) {
      if (isSameStory(others[0].text, kept.text)) others.shift();
    }
    this.#write({ isOn, texts: bounded([kept, ...others]) });
  }

  /** @param {Kept} kept */
  delete(kept) {
    const { isOn, texts } = this.#read();
    this.#write({
      isOn,
      texts: texts.filter(({ at, text }) => at !== kept.at || text !== kept.text),
    });
  }

  /** Deletes all texts. If switched off, nothing is left in the browser. */
  clear() {
    if (this.isOn) this.#write({ isOn: true, texts: [] });
    else this.#storage.removeItem(NAME);
  }

  #read() {
    try {
      const { isOn, texts } = JSON.parse(this.#storage.getItem(NAME) ?? "{}");
      return { isOn: isOn === true, texts: Array.isArray(texts) ? texts.filter(isKept) : [] };
    } catch {
      return { isOn: false, texts: [] };
    }
  }

  /** @param {{isOn: boolean, texts: Kept[]}} content */
  #write(content) {
    if (!content.isOn && content.texts.length === 0) this.#storage.removeItem(NAME);
    else this.#storage.setItem(NAME, JSON.stringify(content));
  }
}

/** @param {Kept[]} texts */
function bounded(texts) {
  let chars = 0;
  return texts.slice(0, MAX_TEXTS).filter(({ text }) => {
    chars += text.length;
    return chars <= MAX_CHARS;
  });
}

/** @param {any} value */
function isKept(value) {
  return (
    typeof value?.text === "string" &&
    (Number.isFinite(value.stars) || typeof value.label === "string") &&
    Number.isFinite(value.at)
  );
}
