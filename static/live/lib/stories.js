/** Whether a text goes on with another one. Uses no DOM. */

/**
 * Whether one text was made from the other by editing: most of the shorter one is in the longer.
 * @param {string} before
 * @param {string} after
 * @returns {boolean}
 */
export function isSameStory(before, after) {
  const shorter = Math.min(before.length, after.length);
  let begin = 0;
  while (begin < shorter && before[begin] === after[begin]) begin++;
  let end = 0;
  while (end < shorter - begin && before.at(-1 - end) === after.at(-1 - end)) end++;
  return 2 * (begin + end) >= shorter;
}
