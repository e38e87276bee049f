// Files that people drop, choose and paste; and pictures as one zip.
"use strict";

const MOST_FILES = 1000;
const PICTURE = /\.(jpe?g|jpe|jfif|png|webp|bmp|dib|tiff?|gif)$/i;

/** [{ file, name }] of a list of files; in folders, what is no picture by its name is left out. */
const named = files => [...files].map(file => ({ file, name: file.webkitRelativePath || file.name || "pasted.png" }));

/** The same of what was dropped, folders with all that is in them. */
async function dropped(transfer) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()); // now: the list is empty afterwards
  if (!entries.some(entry => entry?.isDirectory)) return named(transfer.files);
  const found = [];
  const walk = async entry => {
    if (found.length > MOST_FILES) return;
    if (entry.isFile) found.push({ file: await new Promise((done, failed) => entry.file(done, failed)), name: entry.fullPath.slice(1) });
    else for (const reader = entry.createReader(); ;) { // which gives a hundred at a time
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) break;
      for (const inner of some) await walk(inner);
    }
  };
  for (const entry of entries) if (entry) await walk(entry);
  return pictures(found);
}

const pictures = list => list.filter(({ name }) => PICTURE.test(name)).sort((a, b) => a.name < b.name ? -1 : 1);

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ n >>> 1 : n >>> 1;
  return n;
});

function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ c >>> 8;
  return ~c >>> 0;
}

/** A zip file of [{ name, blob }], not packed: pictures are already. */
async function zipped(entries) {
  const parts = [], index = [];
  let at = 0;
  const record = (signature, fields) => { // fields: [bytes, value]
    const bytes = [[4, signature], ...fields].flatMap(([size, value]) => Array.from({ length: size }, (_, k) => Math.floor(value / 256 ** k) & 255));
    return Uint8Array.from(bytes);
  };
  for (const { name, blob } of entries) {
    const bytes = new Uint8Array(await blob.arrayBuffer()), title = new TextEncoder().encode(name);
    // version 2.0, names in UTF-8, stored, 1 January 1980
    const same = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc(bytes)], [4, bytes.length], [4, bytes.length], [2, title.length], [2, 0]];
    index.push(record(0x02014b50, [[2, 20], ...same, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]]), title);
    parts.push(record(0x04034b50, same), title, bytes);
    at += 30 + title.length + bytes.length;
  }
  const length = index.reduce((sum, part) => sum + part.length, 0);
  const end = record(0x06054b50, [[2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, length], [4, at], [2, 0]]);
  return new Blob([...parts, ...index, end], { type: "application/zip" });
}
