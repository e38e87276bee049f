// The graphs, off the page's own thread: pictures in, pictures out, one direction in memory.

import { fitSquare } from "./resize.js";

const STRIP = 2 ** 22; // pixels that are copied out of a decoded picture at a time
let ort, manifest, provider, session, open;

const url = name => new URL(name, import.meta.url).href;
const model = name => url(`model/${name}`);

async function runtime(kind) {
  const [script, mjs, wasm] = ["ort.js", "glue.js", "ort.wasm"].map(name => url(`onnxruntime-web/${kind}/${name}`));
  ort = await import(script);
  Object.assign(ort.env.wasm, { numThreads: 1, wasmPaths: { mjs, wasm } }); // more threads would need headers of the host
  provider = kind;
}

/** A file's bytes; says how much of it is here. */
async function bytes(name) {
  const answer = await fetch(model(name)), whole = new Uint8Array(manifest.files[name].bytes);
  if (!answer.ok) throw Error(`The server has no ${name} (${answer.status}).`);
  let at = 0, told = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > whole.length) throw Error(`${name} is not the file that was exported.`);
    whole.set(value, at);
    at += value.length;
    if (performance.now() - told > 200) { told = performance.now(); postMessage({ progress: at / whole.length }); }
  }
  if (at < whole.length) throw Error(`Only ${at} of ${whole.length} bytes of ${name} arrived.`);
  return whole;
}

/** The middle square of a picture file, (S, S, 3): no colour profile, transparency on white, as the model learnt it. */
async function seen(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  const { width, height } = bitmap, rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true, alpha: false });
  let top = -rows, strip;
  const read = row => {
    if (row < top || row >= top + rows) {
      top = row;
      context.fillStyle = "#fff";
      context.fillRect(0, 0, width, rows);
      context.drawImage(bitmap, 0, -top);
      strip = context.getImageData(0, 0, width, rows).data;
    }
    return strip.subarray((row - top) * width * 4, (row - top + 1) * width * 4);
  };
  const square = fitSquare(read, width, height, manifest.size);
  bitmap.close();
  return square;
}

/** All that the graph gives for a picture and, where it takes one, a style. */
async function run(square, style) {
  const size = manifest.size, feeds = { images: new ort.Tensor("uint8", square, [1, size, size, 3]) };
  if (style) feeds.style = new ort.Tensor("float32", Float32Array.from(style), [1, style.length]);
  return session.run(feeds);
}

/** The least PSNR, in dB, of a direction's golden pictures and masks; infinite when all are equal. */
async function golden(way, styles) {
  let least = Infinity;
  for (const [n, { source, translated, mask }] of way.golden.entries()) {
    const picture = async name => seen(await (await fetch(model(name))).blob());
    const found = await run(await picture(source), styles[n]);
    const pairs = [[found.translated.data, await picture(translated)]];
    if (mask) pairs.push([found.mask.data, (await picture(mask)).filter((_, at) => at % 3 === 0)]);
    for (const [one, other] of pairs) {
      const error = one.reduce((sum, v, at) => sum + (v - other[at]) ** 2, 0) / one.length;
      least = Math.min(least, 10 * Math.log10(255 ** 2 / error));
    }
  }
  return least;
}

/** Reads a direction's graph and repeats its golden pictures. */
async function opened(direction, styles) {
  if (open === direction) return;
  await session?.release();
  session = open = undefined;
  const way = manifest.directions[direction];
  session = await ort.InferenceSession.create(await bytes(way.file), { executionProviders: [provider], logSeverityLevel: 3 });
  const least = await golden(way, styles);
  if (!(least >= way.psnr_db)) {
    throw Error(`This browser would give other pictures than the model: golden pictures come out at ${least.toFixed(1)} dB, `
      + `at least ${way.psnr_db} are right. Nothing is translated. Try another browser, without extensions that change pictures.`);
  }
  open = direction;
}

async function png(data, channels = 3) {
  const size = manifest.size, image = new ImageData(size, size), canvas = new OffscreenCanvas(size, size);
  for (let at = 0; at < size * size; at++) {
    for (let c = 0; c < 3; c++) image.data[at * 4 + c] = data[at * channels + (channels === 3 ? c : 0)];
    image.data[at * 4 + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

/** Rows of pictures, one a style: source, what each level decided, translation, mask. */
async function translated(blob, direction, styles) {
  let square;
  try { square = await seen(blob); } catch { throw Error("No picture that this browser can read. Try another."); }
  const names = manifest.directions[direction].outputs, levels = names.filter(name => name.startsWith("level"));
  const columns = ["source", ...levels.map(name => name.replace("level", "level ")), "final"];
  const rows = [];
  let ms = 0;
  for (const style of styles) {
    const started = performance.now(), found = await run(square, style);
    ms += performance.now() - started;
    const pictures = [square, ...[...levels, "translated"].map(name => found[name].data)];
    rows.push(await Promise.all(pictures.map(data => png(data))));
    if (found.mask) rows.at(-1).push(await png(found.mask.data, 1));
  }
  if (names.includes("mask")) columns.push("mask");
  return { columns, rows, ms };
}

const jobs = {
  start: async ({ kind, table }) => { manifest = table; await runtime(kind); },
  open: ({ direction, golden }) => opened(direction, golden),
  translate: ({ file, direction, styles }) => translated(file, direction, styles),
};

let turn = Promise.resolve();
onmessage = ({ data: { id, job, ...how } }) => {
  turn = turn.then(() => jobs[job](how)).then(
    made => postMessage({ id, made }),
    error => postMessage({ id, error: error?.message ?? String(error) }), // the runtime throws plain numbers, too
  );
};
