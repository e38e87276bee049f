// What translates for the page: the server that it came from.
"use strict";

const DEAD = "The server does not answer. Is crosscade app still running?";

const backend = {
  dead: DEAD,

  async start() {
    const model = this.model = await fetch("model").then(answer => answer.json()).catch(() => { throw Error(DEAD); });
    for (const way of model.ways) way.examples = Array.from({ length: way.examples }, (_, n) => `examples/${way.direction}/${n}`);
    return {
      ...model,
      about: `Method ${model.name}, pictures of ${model.size} × ${model.size} pixels. They are translated by the computer that serves this page, and not kept.`,
      limits: `PNG, JPEG, WebP, BMP, TIFF or GIF, at most ${model.max_bytes / 2 ** 20} MB. The middle square is used.`,
    };
  },

  async translate(file, { direction, whole, samples, seed }, signal) {
    const { max_bytes, type } = this.model, most = max_bytes / 2 ** 20;
    if (file.size > max_bytes) throw Error(`This file has ${(file.size / 2 ** 20).toFixed(1)} MB; at most ${most} MB can be sent.`);
    const query = new URLSearchParams({ direction, whole: Number(whole), samples, seed });
    let answer;
    try {
      answer = await fetch(`translate?${query}`, { method: "POST", headers: { "content-type": type }, body: file, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw Error("The server does not answer, or the file cannot be read. Is crosscade app still running?");
    }
    if (answer.ok) return pictured(await answer.json());
    const told = await answer.json().catch(() => ({}));
    throw Error(told.error || { 413: "This file is too large.", 503: "The server is busy. Try again in a moment." }[answer.status] || `The server answered ${answer.status}.`);
  },
};

/** An answer with its pictures as blobs. */
function pictured(made) {
  const blob = uri => new Blob([Uint8Array.from(atob(uri.split(",")[1]), v => v.charCodeAt(0))], { type: "image/png" });
  return { ...made, rows: made.rows.map(row => row.map(blob)) };
}
