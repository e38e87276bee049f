// What translates for the page: the model, in this browser. `crosscade app` has another, which asks its server.
"use strict";

const MAX_BYTES = 64 * 2 ** 20, MAX_PIXELS = 64e6, STYLES = 8;
const GPU_SECONDS = 30; // without a sign of life, then the processor takes over

const backend = {
  tell: () => {}, // how far the model's loading is; the page sets it
  dead: "The picture cannot be loaded. Is there a network?",

  async start() {
    if (location.protocol === "file:") throw Error("This page works from a web server, not from the disk: run python -m http.server in its folder, then open http://localhost:8000.");
    if (!WebAssembly.validate(SIMD) || !("OffscreenCanvas" in window)) throw Error("This browser is too old for this page: it lacks WebAssembly with SIMD. Chrome 91, Firefox 114, Safari 16.4 or later have it.");
    document.head.append(Object.assign(document.createElement("link"), { rel: "manifest", href: "app.json" }));
    const [page, manifest] = await Promise.all(["page.json", "model/manifest.json"].map(async name => {
      const answer = await fetch(name);
      if (!answer.ok) throw Error(`The server has no ${name} (${answer.status}).`);
      return answer.json();
    }));
    Object.assign(this, { page, manifest });
    const ways = Object.entries(manifest.directions).map(([direction, { source, target, golden }]) => (
      { direction, source, target, examples: golden.map(v => `model/${v.source}`) }));
    return {
      ways, size: manifest.size, max_samples: STYLES, max_seed: 0,
      about: "Pictures are translated by this browser and do not leave it.",
      limits: `Pictures of at most ${MAX_BYTES / 2 ** 20} MB. The middle square is used, in ${manifest.size} × ${manifest.size} pixels.`,
    };
  },

  /** Reads a direction's graph. On a GPU where there is one that gives the same pictures. */
  prepare(direction) {
    if (this.opening?.direction !== direction) {
      const before = this.opening?.promise.catch(() => {}), mine = this.opening = { direction };
      mine.promise = Promise.resolve(before).then(() => this.open(direction)).finally(() => { mine.done = true; });
      mine.promise.catch(() => { if (this.opening === mine) this.opening = undefined; }); // to be tried again
    }
    return this.opening.promise;
  },

  async open(direction) {
    const golden = this.page.styles[direction] ?? [], tries = this.worker ? [this.kind] : await kinds(this.manifest.precision);
    for (const kind of tries) {
      try {
        if (!this.worker) await this.begin(kind);
        const ready = this.ask({ job: "open", direction, golden });
        return await (kind === tries.at(-1) ? ready : Promise.race([ready, this.silence(GPU_SECONDS)]));
      } catch (error) {
        this.worker.terminate();
        this.worker = undefined;
        if (kind === tries.at(-1)) throw error;
      }
    }
  },

  begin(kind) {
    this.kind = kind;
    this.waiting = new Map();
    this.worker = new Worker("worker.js", { type: "module" });
    this.worker.onmessage = ({ data: { id, made, error, progress } }) => {
      this.heard = performance.now();
      if (progress !== undefined) return this.tell(`Loading the model: ${20 * Math.floor(5 * progress)} %`); // read aloud, too
      const { done, failed } = this.waiting.get(id);
      this.waiting.delete(id);
      error === undefined ? done(made) : failed(Error(error));
    };
    this.worker.onerror = () => this.waiting.forEach(({ failed }) => failed(Error("This browser cannot run the page's worker.")));
    return this.ask({ job: "start", kind, table: this.manifest });
  },

  /** Fails when the worker has said nothing for so many seconds. */
  silence(seconds) {
    this.heard = performance.now();
    return new Promise((_, failed) => {
      const watch = setInterval(() => {
        if (this.opening?.done) clearInterval(watch);
        else if (performance.now() - this.heard > 1000 * seconds) { clearInterval(watch); failed(Error("The graphics card does not answer.")); }
      }, 1000);
    });
  },

  ask(message) {
    return new Promise((done, failed) => {
      const id = this.next = (this.next ?? 0) + 1;
      this.waiting.set(id, { done, failed });
      this.worker.postMessage({ id, ...message });
    });
  },

  async translate(file, { direction, samples }) {
    if (file.size > MAX_BYTES) throw Error(`This file has ${(file.size / 2 ** 20).toFixed(1)} MB; at most ${MAX_BYTES / 2 ** 20} MB are read.`);
    const pixels = await pixelsOf(file);
    if (!pixels) throw Error("No picture that this browser can read. Try another.");
    if (pixels > MAX_PIXELS) throw Error(`This picture has ${Math.round(pixels / 1e6)} million pixels; at most ${MAX_PIXELS / 1e6} million are read.`);
    await this.prepare(direction);
    const drawn = this.page.styles[direction];
    const made = await this.ask({ job: "translate", file, direction, styles: drawn ? drawn.slice(0, samples) : [null] });
    this.ms = made.ms / made.rows.length;
    return { ...made, styles: Boolean(drawn) };
  },

  /** The page and its model stay in the browser, if it has a place for them: only over https, or on this computer. */
  async keep() {
    if (!await navigator.serviceWorker?.register("sw.js").catch(() => undefined)) return;
    const { active } = await navigator.serviceWorker.ready, channel = new MessageChannel();
    const names = Object.keys(this.page.files).filter(name => !name.startsWith("onnxruntime-web/") || name.startsWith(`onnxruntime-web/${this.kind}/`));
    this.kept = await new Promise(done => { channel.port1.onmessage = ({ data }) => done(data); active.postMessage(names, [channel.port2]); });
  },

  /** Before the first picture: the model is loaded and tried, then kept. */
  async warm(direction) {
    await this.prepare(direction);
    this.tell("Ready: the model gives here what it gave where it was made.");
    await this.keep();
  },

  foot() {
    const parts = [`Runs on ${{ wasm: "the processor (WebAssembly)", webgpu: "the graphics card (WebGPU)" }[this.kind]}`];
    if (this.ms) parts.push(`${Math.round(this.ms)} ms a picture`);
    if (this.kept) parts.push("works without a network from now on");
    return this.kind ? `${parts.join(", ")}. Made with Crosscade.` : "";
  },
};

/** A function with one SIMD instruction. */
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** What to run the model by, best first; `?device=wasm` asks for one. */
async function kinds(precision) {
  const asked = new URLSearchParams(location.search).get("device");
  if (asked) return [asked];
  const adapter = precision === "int8" ? null : await navigator.gpu?.requestAdapter().catch(() => null);
  return adapter && !(adapter.info ?? adapter).isFallbackAdapter ? ["webgpu", "wasm"] : ["wasm"];
}

/** How many pixels a picture claims, 0 for what is none: read before any of them is decoded. */
function pixelsOf(file) {
  return new Promise(done => {
    const image = new Image(), source = URL.createObjectURL(file), end = n => { URL.revokeObjectURL(source); done(n); };
    image.onload = () => end(image.naturalWidth * image.naturalHeight);
    image.onerror = () => end(0);
    image.src = source;
  });
}
