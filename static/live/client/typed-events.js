/** Types only; not loaded at run time. */

/**
 * An `EventTarget` with a typed `detail` for each event.
 * @template Details Maps event names to the types of their `detail`.
 * @typedef {Omit<EventTarget, "addEventListener"> & {
 *   addEventListener: <Name extends keyof Details & string>(
 *     name: Name,
 *     listener: (event: CustomEvent<Details[Name]>) => void,
 *     options?: AddEventListenerOptions
 *   ) => void
 * }} TypedEventTarget
 */

/**
 * A base class for typed event targets: `EventTarget` itself, cast.
 * @template Details
 * @typedef {new () => TypedEventTarget<Details>} TypedEvents
 */

export {};
