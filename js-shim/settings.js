// The Worker's variables, as both modules take them.

/**
 * All settings as one JSON object. A variable is text, or whatever JSON stands in wrangler.toml;
 * bindings (rooms, KV, files) are objects of the platform's own classes and no settings.
 * @param {object} env
 */
export function settingsText(env) {
  const settings = Object.entries(env).filter(([, value]) => !isBinding(value));
  return JSON.stringify(Object.fromEntries(settings));
}

/** Whether a variable is no setting but one of the platform's objects. @param {unknown} value */
export function isBinding(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return typeof value === "function";
  }
  return Object.getPrototypeOf(value) !== Object.prototype;
}
