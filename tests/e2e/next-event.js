// @ts-check
/** @import { EdgeRoom, RoomEvents } from "../../client/public/client/edgeroom.js" */

/**
 * The next event of a kind that fits.
 *
 * @template {keyof RoomEvents} K
 * @param {EdgeRoom} room
 * @param {K} type
 * @param {(detail: RoomEvents[K]) => boolean} [fits]
 * @returns {Promise<RoomEvents[K]>}
 */
export function next(room, type, fits = () => true) {
  return new Promise((resolve) => {
    const stop = room.on(type, (detail) => {
      if (!fits(detail)) return;
      stop();
      resolve(detail);
    });
  });
}
