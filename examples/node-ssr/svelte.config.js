import adapter from "@sveltejs/adapter-node";

import manifest from "./package.json" with { type: "json" };

export default {
  kit: {
    adapter: adapter({ out: "build", precompress: false }),
    // By default it is the time of the build, and no build would be like another.
    version: { name: manifest.version },
  },
};
