/** What the probabilities of a rating are of: the labels of the model. Uses no DOM. */

import { LABELS } from "../client/protocol.js";

/** @import { Model, Rating } from "../client/protocol.js" */

/**
 * @typedef {object} Labels
 * @property {boolean} isFilm Whether they are the film ratings, which have a page of their own.
 * @property {boolean} isOrdered
 * @property {readonly string[]} names In the order of the probabilities.
 * @property {readonly number[] | null} values One for each label, ascending; null where there are none.
 */

/** @type {Labels} */
export const FILM = Object.freeze({
  isFilm: true,
  isOrdered: true,
  names: LABELS.map(String),
  values: LABELS,
});

/** @param {Partial<Pick<Model, "labels" | "classes" | "task">>} described @returns {Labels} */
export function labelsOf({ labels, classes, task }) {
  // Only film ratings have these; an older server sends nothing else.
  if (labels !== undefined || classes === undefined) return FILM;
  const values = classes.flatMap(({ value }) => (value === undefined ? [] : [value]));
  return {
    isFilm: false,
    isOrdered: task !== "nominal",
    names: classes.map(({ name }) => name),
    values: values.length === classes.length ? values : null,
  };
}

/** @param {readonly number[]} probabilities @returns {number} The place of the largest. */
export function mostProbable(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/** @param {Pick<Rating, "expected_stars" | "expected_value">} rating @returns {number | null} Its mean, where labels have values. */
export function expectedOf({ expected_stars: stars, expected_value: value }) {
  return stars ?? value ?? null;
}

/** @param {Labels} one @param {Labels} other @returns {boolean} */
export function areSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
