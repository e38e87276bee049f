// The page: pictures in, their translations out. `backend` translates, here in the browser or at a server.
"use strict";

const at = id => document.getElementById(id);
const make = (tag, fields = {}, ...children) => { const e = Object.assign(document.createElement(tag), fields); e.append(...children); return e; };
const WAITING = "The translation will appear here.";
let model, way, items = [], current, running, styles = false, chosen = { column: "final", row: 0 };

const addresses = new Map();
function address(blob) {
  if (!addresses.has(blob)) addresses.set(blob, URL.createObjectURL(blob));
  return addresses.get(blob);
}

function forget(item) {
  for (const blob of [item.file, ...item.made?.rows.flat() ?? []]) { URL.revokeObjectURL(addresses.get(blob)); addresses.delete(blob); }
}

function say(text) {
  at("message").textContent = text;
  at("message").hidden = !text;
  if (text) at("message").scrollIntoView({ block: "nearest" });
}

function choose(direction) {
  way = model.ways.find(w => w.direction === direction);
  at("invitation").replaceChildren(
    make("span", { className: "keys", textContent: `Drop pictures of a ${way.source} here or ` }),
    make("span", { className: "touch", textContent: `Pictures of a ${way.source}: ` }), make("b", { textContent: "choose some" }));
  at("examples").hidden = !way.examples.length;
  at("examples").querySelector(".row").replaceChildren(...way.examples.map((source, n) => {
    const cell = make("button", { type: "button", className: "cell" }, make("img", { src: source, alt: `Example ${n + 1}: ${way.source}` })), name = `${way.source}-${n + 1}.png`;
    cell.onclick = async () => {
      try { take([{ file: await (await fetch(source)).blob(), name }]); } catch { say(backend.dead); }
    };
    return cell;
  }));
}

/** Pictures to translate, [{ file, name }], beside those that are there. */
function take(list) {
  items.filter(item => item.state === "failed").forEach(remove);
  if (!list.length) return say("There is no picture in this.");
  if (items.length + list.length > MOST_FILES) return say(`At most ${MOST_FILES} pictures at a time. Clear some, or choose fewer.`);
  const added = list.map(v => ({ ...v, state: "waiting" }));
  items.push(...added);
  at("gallery").append(...added.map(cellOf));
  select(added[0]);
  work();
}

function remove(item) {
  forget(item);
  item.cell.remove();
  items = items.filter(v => v !== item);
}

/** Translates what waits, the one that is looked at first. */
async function work() {
  if (running) return;
  const mine = running = new AbortController(), waits = item => item?.state === "waiting";
  for (let item; item = waits(current) ? current : items.find(waits);) {
    item.state = "working";
    count();
    const whole = at("whole").checked, of = way;
    try {
      const made = await backend.translate(item.file, { direction: of.direction, whole, samples: styles ? at("samples").value : 1, seed: styles ? at("seed").value : 0 }, mine.signal);
      if (mine !== running) return;
      if (item.made) forget(item);
      Object.assign(item, { made, of, state: "done" });
      styles = made.styles;
      at("styles").hidden = !styles;
    } catch (error) {
      if (mine !== running || error.name === "AbortError") return;
      Object.assign(item, { state: "failed", error: error.message });
    }
    mark(item);
    if (item === current) {
      select(item);
      if (items.length === 1) at("result").scrollIntoView({ block: "nearest" });
    }
    foot();
  }
  running = undefined;
  count();
}

/** All of them anew: the direction or another setting has changed. */
function again() {
  running?.abort();
  running = undefined;
  for (const item of items) item.state = "waiting";
  if (current) select(current);
  work();
}

function cellOf(item) {
  item.cell = make("button", { type: "button", className: "cell", title: item.name }, make("p", { className: "blank", textContent: "…" }), make("span", { textContent: item.name.replace(/.*\//, "") }));
  item.cell.onclick = () => select(item);
  return item.cell;
}

function mark(item) {
  const failed = item.state === "failed";
  item.cell.firstChild.replaceWith(failed ? make("p", { className: "blank", textContent: "!", title: item.error }) : make("img", { src: address(item.made.rows[0][item.made.columns.indexOf("final")]), alt: "" }));
  item.cell.setAttribute("aria-label", failed ? `${item.name}: ${item.error}` : item.name);
}

function count() {
  const done = items.filter(v => v.state === "done").length, failed = items.filter(v => v.state === "failed").length, left = items.length - done - failed;
  at("many").hidden = items.length < 2;
  Object.assign(at("progress"), { max: items.length || 1, value: done + failed, hidden: !left });
  const text = left ? "Translating…" : `${done} translated${failed ? `, ${failed} could not be` : ""}.`;
  if (at("count").textContent !== text) at("count").textContent = text; // said aloud once
  at("all").disabled = Boolean(left) || !done;
}

/** Shows a picture, or says why there is none. */
function select(item) {
  current = item;
  items.forEach(v => v.cell.setAttribute("aria-pressed", v === item));
  at("result").querySelectorAll("img").forEach(v => v.classList.toggle("working", item.state !== "done"));
  say(item.state === "failed" ? (items.length > 1 ? `${item.name}: ${item.error}` : item.error) : "");
  if (item.state === "done") return show(item);
  if (item.state === "failed") at("result").hidden = true;
  at("empty").hidden = !at("result").hidden;
  at("empty").textContent = item.state === "failed" ? WAITING : "Translating…";
}

function show({ made, of, file, name }) {
  const cells = [];
  made.rows.forEach((images, row) => images.forEach((image, n) => {
    const column = made.columns[n];
    if (row && column === "source") return;
    const numbered = made.rows.length > 1 && column !== "source";
    cells.push({ image, column, row, label: numbered ? `${column} ${row + 1}` : column });
  }));
  const pick = cell => {
    chosen = { column: cell.column, row: cell.row };
    const whole = cell.column === model.whole, shown = cell.column === "source" ? of.source : of.target, url = address(cell.image);
    cells.forEach(v => v.button.setAttribute("aria-pressed", v === cell));
    for (const image of [at("source"), at("before")]) {
      image.onerror = () => { image.onerror = null; image.src = address(cells[0].image); }; // no browser shows every format
      image.src = address(whole ? file : cells[0].image);
    }
    at("chosen").src = at("after").src = url;
    at("source").alt = at("before").alt = whole ? "The whole picture" : "The picture as the model sees it";
    at("chosen").alt = at("after").alt = at("to").textContent = at("right").textContent = `${shown}: ${cell.label}`;
    Object.assign(at("download"), { href: url, download: titled(name, shown, cell.label) });
  };
  for (const cell of cells) {
    cell.button = make("button", { type: "button", className: "cell" }, make("img", { src: address(cell.image), alt: "" }), make("span", { textContent: cell.label }));
    cell.button.onclick = () => pick(cell);
  }
  at("from").textContent = at("left").textContent = `${of.source}: ${name}`;
  at("heading").textContent = made.columns.some(v => v.startsWith("level")) ? "What each level decided" : made.rows.length > 1 ? "Styles" : "Both";
  at("strip").replaceChildren(...cells.map(v => v.button));
  at("empty").hidden = true;
  at("result").hidden = false;
  pick(cells.find(v => v.column === chosen.column && v.row === chosen.row) ?? cells.find(v => v.column === "final"));
}

const titled = (name, ...words) => `${name.replace(/.*\//, "").replace(/\.[^.]*$/, "")}-${words.join("-")}.png`.replaceAll(" ", "-");

async function all() {
  const entries = new Map();
  for (const { name, made, of } of items.filter(v => v.state === "done")) {
    const column = Math.max(made.columns.indexOf("final"), made.columns.indexOf(model.whole)), folder = name.replace(/[^/]*$/, "");
    made.rows.forEach((row, n) => {
      const words = [of.target, ...made.rows.length > 1 ? [n + 1] : []];
      let title = folder + titled(name, ...words);
      for (let k = 2; entries.has(title); k++) title = folder + titled(name, ...words, k);
      entries.set(title, row[column]);
    });
  }
  const zip = await zipped([...entries].map(([name, blob]) => ({ name, blob }))), href = URL.createObjectURL(zip);
  make("a", { href, download: `${way.source}-to-${way.target}.zip`.replaceAll(" ", "-") }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

function clear() {
  running?.abort();
  running = current = undefined;
  [...items].forEach(remove);
  at("result").hidden = true;
  at("empty").hidden = false;
  at("empty").textContent = WAITING;
  say("");
  count();
  at("file").focus();
}

const foot = () => { at("foot").textContent = backend.foot?.() ?? ""; };

async function start() {
  model = await backend.start();
  const first = model.ways[0], arrow = model.ways.length > 1 ? "⇄" : "→";
  document.title = at("title").textContent = `${first.source} ${arrow} ${first.target}`;
  at("about").textContent = model.about;
  at("limits").textContent = model.limits;
  at("directions").append(...model.ways.map((w, n) => {
    const radio = make("input", { type: "radio", name: "direction", value: w.direction, checked: !n });
    radio.onchange = () => { choose(w.direction); again(); };
    return make("label", { className: "choice" }, radio, `${w.source} → ${w.target}`);
  }));
  choose(first.direction);
  at("wholes").hidden = !model.whole;
  at("seeds").hidden = !model.max_seed;
  at("samples").max = model.max_samples; at("seed").max = model.max_seed;
  at("whole").onchange = () => { chosen.column = at("whole").checked ? model.whole : "final"; again(); };
  for (const id of ["samples", "seed"]) at(id).onchange = () => { if (at(id).reportValidity()) again(); };
  for (const id of ["file", "folder"]) at(id).onchange = () => {
    const list = named(at(id).files);
    at(id).value = "";
    if (list.length) take(id === "folder" ? pictures(list) : list);
  };
  at("ways-in").hidden = !("webkitdirectory" in at("folder")) && matchMedia("(hover: none)").matches;
  at("all").onclick = all;
  at("clear").onclick = clear;
  at("edge").oninput = () => at("edge").parentElement.style.setProperty("--edge", `${at("edge").value}%`);
  for (const radio of document.getElementsByName("view")) radio.onchange = () => { at("slider").hidden = radio.value === "pair"; at("pair").hidden = !at("slider").hidden; };
  await backend.warm?.(way.direction);
  foot();
}

addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("over"); });
addEventListener("drop", async event => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (!model || !event.dataTransfer.items.length) return;
  try { take(await dropped(event.dataTransfer)); } catch { say("This folder cannot be read."); }
});
addEventListener("paste", event => {
  const list = named(event.clipboardData.files);
  if (model && list.length) { event.preventDefault(); take(list); }
});
backend.tell = text => { if (!at("empty").hidden && at("empty").textContent !== text) at("empty").textContent = text; };
start().catch(error => say(error.message));
