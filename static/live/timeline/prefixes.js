/**
 * A text that came all at once, an example or a paste, was never typed: its beginnings are rated afterwards, so that it
 * has a curve too. The server does that in the background.
 */

import { retryAfterMs } from "../client/http-socket.js";

/** @import { Rating, ServerError } from "../client/protocol.js" */

const PATH = "/api/v1/predict";
const MAX_PREFIXES = 24;
// All beginnings together are some ten times as long as the text.
const MAX_TEXT_CHARS = 2_000;

// The server asked for no request before that.
let notBeforeMs = 0;

/**
 * @param {string} text
 * @returns {string[]} Those of its proper beginnings that end with a word, spread evenly over a long text; none of a
 *   text that would cost too much.
 */
export function prefixesOf(text) {
  if (text.length > MAX_TEXT_CHARS) return [];
  const ends = [...text.matchAll(/\S+/g)].map(({ index, 0: word }) => index + word.length);
  ends.pop();
  const count = Math.min(MAX_PREFIXES, ends.length);
  return Array.from({ length: count }, (_, i) =>
    text.slice(0, ends[Math.round(((i + 1) * ends.length) / count) - 1]),
  );
}

/**
 * @param {string[]} texts
 * @param {AbortSignal} signal
 * @param {typeof globalThis.fetch} [fetch]
 * @returns {Promise<(Rating & {text: string})[]>} Those that were rated; none where the
 *   server has better things to do.
 */
export async function rateAll(texts, signal, fetch = globalThis.fetch) {
  if (performance.now() < notBeforeMs) return [];
  try {
    const response = await fetch(PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ texts }),
      signal,
    });
    if (!response.ok) {
      notBeforeMs = performance.now() + (retryAfterMs(response) ?? 0);
      return [];
    }
    /** @type {{results: (Rating | {error: ServerError})[]}} */
    const { results } = await response.json();
    return results.flatMap((result, i) =>
      "error" in result ? [] : [{ ...result, text: texts[i] }],
    );
  } catch {
    return [];
  }
}
