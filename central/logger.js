import { Logger as Powertools } from "@aws-lambda-powertools/logger";

/**
 * What the central API needs of a logger. Fields never hold message content, ids or tokens.
 *
 * @typedef {(message: string, fields?: Record<string, unknown>) => void} LogLine
 * @typedef {{ info: LogLine, warn: LogLine, error: LogLine }} Logger
 */

/**
 * One JSON object a line, on stdout or, from WARN on, on stderr. The level is POWERTOOLS_LOG_LEVEL,
 * where that is set.
 *
 * @param {"INFO" | "WARN"} [logLevel]
 * @returns {Logger}
 */
export function createLogger(logLevel = "INFO") {
  const logger = new Powertools({
    serviceName: "edgeroom-central",
    ...(process.env.POWERTOOLS_LOG_LEVEL ? {} : { logLevel }),
  });
  return {
    info: (message, fields = {}) => logger.info(message, fields),
    warn: (message, fields = {}) => logger.warn(message, fields),
    error: (message, fields = {}) => logger.error(message, fields),
  };
}
