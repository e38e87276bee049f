// Keeps the page in the browser: what was loaded once is there without a network. A new export is a new cache.
// Its first line, VERSION and SHELL, is written with the page.

const PREFIX = `crosscade ${registration.scope} `, CACHE = PREFIX + VERSION;

oninstall = event => event.waitUntil(keep(SHELL));
onactivate = event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await clients.claim();
})());

onfetch = event => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) event.respondWith(answer(event.request));
};

async function answer(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

onmessage = event => event.waitUntil(keep(event.data).then(() => event.ports[0].postMessage(true), () => event.ports[0].postMessage(false)));

/** Into the cache, what is not there yet; past the browser's other cache, which may hold an older export's. */
async function keep(names) {
  const cache = await caches.open(CACHE);
  for (const name of names) if (!await cache.match(name)) await cache.add(new Request(name, { cache: "no-cache" }));
}
