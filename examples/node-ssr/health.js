/** The health check of an image that holds neither shell nor curl: exit code 0 if all is well. */

const url = `http://127.0.0.1:${process.env.PORT ?? "3000"}/healthz`;
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
