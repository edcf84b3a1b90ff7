/** Words in the language of the page. Django's catalog, `messages.js`, brings the translations; without it all is English. */

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
 * @param {string} words With places such as "%(count)s", which translators may move.
 * @param {Record<string, string | number>} values
 * @returns {string}
 */
export function fill(words, values) {
  return words.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
}

// Numbers go with the words. In a page of somebody else those are English, and its `lang` may be none at all.
const locale = (catalog.gettext && globalThis.document?.documentElement.lang) || "en";

/**
 * @param {number} value
 * @param {number} [least] Decimals at the least.
 * @param {number} [most] Decimals at the most.
 * @returns {string} As the language of the page writes it.
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
 * @returns {string} With its sign in front.
 */
export function formatSigned(value, least, most) {
  const digits = formatNumber(Math.abs(value), least, most);
  return `${value < 0 ? "−" : "+"}${digits}`;
}
