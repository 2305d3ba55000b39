import { env } from "$env/dynamic/private";

import { parse } from "$lib/services.js";

/** Refuse to start with a configuration that would fail at the first visit. */
export function init() {
  parse(env.SERVICES ?? "");
}
