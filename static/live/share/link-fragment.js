/** Encodes a text in the fragment of a link, which browsers never send to a server. Uses no DOM. */

const PLAIN = "text=";
const PACKED = "z=";
const FORMAT = "deflate-raw";
/** Mail and chat programs break longer links. */
export const MAX_LINK_CHARS = 16_000;
const MAX_TEXT_BYTES = 400_000;

/**
 * @param {string} text
 * @returns {Promise<string>} The fragment without its `#`.
 */
export async function toFragment(text) {
  const encoded = encodeURIComponent(text.toWellFormed?.() ?? text);
  const plain = PLAIN + encoded.replace(/[!'()*.~_-]/g, escaped);
  if (globalThis.CompressionStream === undefined) return plain;
  const packed = PACKED + base64url(await pack(text)).replace(/[_-]$/, escaped);
  return packed.length < plain.length ? packed : plain;
}

/**
 * @param {string} fragment The fragment, with or without `#`.
 * @returns {Promise<string | null>} The text; null if it is missing or damaged.
 */
export async function fromFragment(fragment) {
  const content = fragment.replace(/^#/, "");
  try {
    if (content.startsWith(PLAIN)) return decodeURIComponent(content.slice(PLAIN.length)) || null;
    if (content.startsWith(PACKED)) {
      return (await unpack(bytesOf(decodeURIComponent(content.slice(PACKED.length))))) || null;
    }
  } catch {
    return null;
  }
  return null;
}

/** @param {string} sign One that chat programs leave out of a link, at its end at least. */
function escaped(sign) {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** @param {string} text */
async function pack(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream(FORMAT));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(FORMAT));
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let read = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    read += value.length;
    // A few compressed bytes may expand to gigabytes.
    if (read > MAX_TEXT_BYTES) {
      await reader.cancel();
      throw new RangeError("the text of the link is too long");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  const characters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text Base64url. */
function bytesOf(text) {
  const characters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}
