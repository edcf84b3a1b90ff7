/**
 * Gives a pasted text or an example a curve too: its beginnings are rated afterwards, as background work of the server.
 */

import { retryAfterMs } from "../client/http-socket.js";

/** @import { Rating, ServerError } from "../client/protocol.js" */

const PATH = "/api/v1/predict";
const MAX_PREFIXES = 12;
// All beginnings together are about ten times as long as the text.
const MAX_TEXT_CHARS = 2_000;

// Earliest time for another request, as the server asked.
let notBeforeMs = 0;

/**
 * @param {string} text
 * @returns {string[]} Proper beginnings that end with a word; evenly spread over a long text. Empty for a text that
 *   would cost too much.
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
 * @returns {Promise<(Rating & {text: string})[]>} The rated texts; empty if the server is busy
 *   or fails.
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
