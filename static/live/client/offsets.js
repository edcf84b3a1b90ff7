/** Converts the server's offsets in Unicode code points into the UTF-16 units of JavaScript strings. */

/**
 * @template {{begin: number, end: number}} Span
 * @param {string} text The text of the spans.
 * @param {readonly Span[]} spans
 * @returns {Span[]} The same spans with offsets for `text.slice(begin, end)`, in the same order.
 * @throws {RangeError} If a span is outside the text.
 */
export function utf16Spans(text, spans) {
  /** @type {number[]} */
  const starts = [];
  let units = 0;
  for (const char of text) {
    starts.push(units);
    units += char.length;
  }
  starts.push(units);
  return spans.map((span) => {
    const begin = starts[span.begin];
    const end = starts[span.end];
    if (begin === undefined || end === undefined) {
      throw new RangeError(
        `no span ${span.begin} to ${span.end} in ${starts.length - 1} characters`,
      );
    }
    return { ...span, begin, end };
  });
}
