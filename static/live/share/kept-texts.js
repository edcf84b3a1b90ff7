/** Texts that a person wants this browser to keep: off until switched on, bounded, and never sent anywhere. Knows no DOM. */

import { isSameStory } from "../timeline/recording.js";

export const MAX_TEXTS = 20;
export const MAX_CHARS = 200_000;
const NAME = "starcast.history";

/**
 * @typedef {object} Kept
 * @property {string} text
 * @property {number} stars Expected stars.
 * @property {number} at Milliseconds since 1970.
 */

/** What is kept, newest first. All tabs share it, so that it is read anew each time. */
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
   * @param {boolean} isOn Off, nothing more is kept; what is there stays until it is deleted.
   * @throws where the browser lets nothing be kept.
   */
  switch(isOn) {
    this.#write({ isOn, texts: this.texts });
  }

  /**
   * Keeps a text in the place of the one that it grew out of. Does nothing while switched off.
   * @param {Kept} kept
   * @throws where the browser lets nothing be kept.
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

  /** Deletes all texts. Where it is switched off, nothing at all is left in the browser. */
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
    typeof value?.text === "string" && Number.isFinite(value.stars) && Number.isFinite(value.at)
  );
}
