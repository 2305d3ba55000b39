// Run inside a Node.js base: what a program may expect of it; prints one JSON object.
const fs = require("node:fs");
const tls = require("node:tls");
const { builtinModules } = require("node:module");
const os = require("node:os");

const failed = builtinModules.filter((name) => {
  try {
    require(name);
    return false;
  } catch {
    return true;
  }
});
fs.writeFileSync("/tmp/Grüße-日本.txt", "ok");
const zone = { timeZone: "Europe/Berlin", timeZoneName: "longOffset", year: "numeric" };
const text = new Intl.DateTimeFormat("en", zone).format(new Date("2026-07-01T12:00:00Z"));
console.log(
  JSON.stringify({
    version: process.versions.node.split(".")[0],
    failed,
    authorities: tls.rootCertificates.length,
    bundle: fs.readFileSync(process.env.SSL_CERT_FILE, "utf8").split("BEGIN CERT").length - 1,
    listed: fs.readdirSync("/tmp").filter((name) => name.startsWith("Gr")),
    offset: text.match(/GMT([+-][\d:]+)/)[1],
    german: new Intl.NumberFormat("de").format(1234.5),
    user: os.userInfo().username,
  }),
);
