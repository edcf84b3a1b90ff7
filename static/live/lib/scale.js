/** How high the bars stand. Knows no DOM. */

/**
 * The height is the square root of the share. Of eight ratings the likeliest rarely gets more than 40 %, so that on a
 * linear track all bars would lie in its lowest third and a change from 2 to 6 % could not be seen. One scale for
 * all: bars keep their order, never jump with their neighbours, and the number above each is the share itself.
 * @param {number} share 0 to 1.
 * @returns {string} The transform of a fill as high as its track. What is not nothing is seen as a sliver.
 */
export function fillTransform(share) {
  if (share <= 0) return "translateY(100%)";
  return `translateY(min(${(100 * (1 - Math.sqrt(share))).toFixed(2)}%, 100% - 2px))`;
}
