// What the package gives a Worker; types.d.ts says it to TypeScript.

import service, { Room as RoomObject } from "./index.js";
import { mount as mountAt } from "./mount.js";

/** @import * as Declared from "./types.js" */

export default /** @satisfies {typeof Declared.default} */ (service);
export const Room = /** @satisfies {typeof Declared.Room} */ (RoomObject);
export const mount = /** @satisfies {typeof Declared.mount} */ (mountAt);
