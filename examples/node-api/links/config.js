/** Configuration: environment variables. */

const LEVELS = ["debug", "info", "warn", "error"];

/** The configuration is not usable; `problems` lists everything that is wrong with it. */
export class ConfigError extends Error {
  constructor(problems) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

/** Read the configuration; ConfigError lists every problem at once. */
export function read(env) {
  const problems = [];
  const publicUrl = (env.PUBLIC_URL ?? "").replace(/\/+$/, "");
  if (!isWebAddress(publicUrl)) {
    problems.push("PUBLIC_URL is not an http or https URL");
  }
  const port = Number(env.PORT ?? "8080");
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    problems.push(`PORT is not a port: ${env.PORT}`);
  }
  const level = env.LOG_LEVEL ?? "info";
  if (!LEVELS.includes(level)) {
    problems.push(`LOG_LEVEL is none of ${LEVELS.join(", ")}: ${level}`);
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return { publicUrl, port, level, data: env.DATA_DIR ?? "/data" };
}

/** Whether people can be sent to this address. */
export function isWebAddress(text) {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}
