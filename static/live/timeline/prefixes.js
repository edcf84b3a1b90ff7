/**
 * Gives a pasted text or an example a curve too: its beginnings are rated afterwards, as background work of the server.
 */

import { retryAfterMs } from "../client/http-socket.js";

/** @import { Rating, ServerError } from "../client/protocol.js" */

const PATH = "/api/v1/predict/batch";
const MAX_PREFIXES = 12;
// Of all beginnings together, which a phone has to send.
const MAX_CHARS = 65_000;

// Longer than any wait that the server asks for in its own name.
const PATIENCE_MS = 30_000;

// Earliest time for another request, as the server asked.
let notBeforeMs = 0;

/**
 * @param {string} text
 * @param {number} [maxChars] The server takes no longer ones.
 * @returns {string[]} Proper beginnings that end with a word; evenly spread over a long text, and fewer of a very long one.
 */
export function prefixesOf(text, maxChars = text.length) {
  const read = text.slice(0, maxChars);
  const ends = [...read.matchAll(/\S+/g)].map(({ index, 0: word }) => index + word.length);
  ends.pop();
  // So many evenly spread ones have together (count + 1) / 2 times the text.
  const affordable = Math.floor((2 * MAX_CHARS) / read.length) - 1;
  const count = Math.min(MAX_PREFIXES, ends.length, affordable);
  return Array.from({ length: count }, (_, i) =>
    text.slice(0, ends[Math.round(((i + 1) * ends.length) / count) - 1]),
  );
}

/**
 * @param {string[]} texts
 * @param {AbortSignal} signal
 * @param {typeof globalThis.fetch} [fetch]
 * @returns {Promise<(Rating & {text: string})[]>} The rated texts, once a busy server wants to be asked;
 *   empty if it fails.
 */
export async function rateAll(texts, signal, fetch = globalThis.fetch) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ texts }),
    signal,
  };
  try {
    for (;;) {
      const waitMs = notBeforeMs - performance.now();
      if (waitMs > PATIENCE_MS) return [];
      if (waitMs > 0) {
        await new Promise((resolve) => {
          setTimeout(resolve, waitMs);
          signal.onabort = resolve;
        });
      }
      const response = await fetch(PATH, request);
      if (response.ok) return rated(texts, await response.json());
      const afterMs = retryAfterMs(response);
      if (!afterMs) return [];
      notBeforeMs = performance.now() + afterMs;
    }
  } catch {
    return [];
  }
}

/**
 * @param {string[]} texts
 * @param {{results: (Rating | {error: ServerError})[]}} answer
 */
function rated(texts, { results }) {
  return results.flatMap((result, i) => ("error" in result ? [] : [{ ...result, text: texts[i] }]));
}
