/**
 * What the central API needs of a logger. The method names are those of the usual structured
 * loggers, so one of them can be handed in instead.
 *
 * @typedef {(message: string, fields?: Record<string, unknown>) => void} LogLine
 * @typedef {{ info: LogLine, warn: LogLine, error: LogLine }} Logger
 */

/**
 * @param {string} level
 * @returns {LogLine}
 */
function writer(level) {
  return (message, fields = {}) => {
    process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`);
  };
}

/**
 * One JSON object a line on stderr. Fields never hold message content.
 *
 * @type {Logger}
 */
export const jsonLogger = { info: writer("INFO"), warn: writer("WARN"), error: writer("ERROR") };
