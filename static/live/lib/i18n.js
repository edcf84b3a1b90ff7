/** Translations from Django's catalog, `messages.js`. Without it all words are English. */

/**
 * @typedef {object} Catalog
 * @property {(words: string) => string} [gettext]
 * @property {(one: string, many: string, count: number) => string} [ngettext]
 */

const catalog = /** @type {{django?: Catalog}} */ (globalThis).django ?? {};

/** @type {(words: string) => string} */
export const gettext = catalog.gettext ?? ((words) => words);

/** @type {(one: string, many: string, count: number) => string} */
export const ngettext = catalog.ngettext ?? ((one, many, count) => (count === 1 ? one : many));

/**
 * @param {string} words Words with placeholders such as "%(count)s", which translators may move.
 * @param {Record<string, string | number>} values
 * @returns {string}
 */
export function fill(words, values) {
  return words.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
}

// Numbers are formatted in the language of the words. On a foreign page these are English, whatever its `lang`.
const locale = (catalog.gettext && globalThis.document?.documentElement.lang) || "en";

/**
 * @param {number} value
 * @param {number} [least] Minimum number of decimals.
 * @param {number} [most] Maximum number of decimals.
 * @returns {string} The number in the language of the page.
 */
export function formatNumber(value, least = 0, most = 0) {
  return new Intl.NumberFormat(locale, {
    minimumFractionDigits: least,
    maximumFractionDigits: most,
  }).format(value);
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 * @returns {string} The number with its sign.
 */
export function formatSigned(value, least, most) {
  const digits = formatNumber(Math.abs(value), least, most);
  return `${value < 0 ? "−" : "+"}${digits}`;
}
