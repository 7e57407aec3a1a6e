"use strict";

const CARDS = 24; // that are shown at first, and more at each press
const TRAVEL = 150; // of a slider, in percent of the largest strength seen
const TOP_COLUMNS = 3; // of the images at an atom
const data = JSON.parse(document.getElementById("data").textContent);
const [HEIGHT, WIDTH, CHANNELS] = data.shape;
const SHOWN_WIDTH = CHANNELS === 1 || CHANNELS === 3 ? WIDTH : CHANNELS * WIDTH;

// ---- numbers ----

function bytes(text) {
  const binary = atob(text), array = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) array[i] = binary.charCodeAt(i);
  return array.buffer;
}

// IEEE 754 half precision, which not every browser has an array of.
const HALF = new Float32Array(1 << 16);
for (let bits = 0; bits < 1 << 16; bits += 1) {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, part = bits & 1023;
  HALF[bits] = sign * (exponent === 31 ? (part ? NaN : Infinity)
    : exponent ? 2 ** (exponent - 15) * (1 + part / 1024) : 2 ** -14 * part / 1024);
}
const halves = (text) => Float32Array.from(new Uint16Array(bytes(text)), (b) => HALF[b]);
const floats = (text) => new Float32Array(bytes(text));
const integers = (text) => new Int32Array(bytes(text));

const ACTIVATIONS = {
  leaky_relu: (x) => (x < 0 ? 0.2 * x : x),
  linear: (x) => x,
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const decoders = data.decoders.map(({ title, layers }) => ({
  title,
  layers: layers.map((layer) => ({
    ...layer, weights: halves(layer.weights), bias: halves(layer.bias),
  })),
}));

// Adds what each input adds to the pixels around its place. A dense layer has one place,
// one pixel, and its outputs as the channels of that.
function product({ weights, bias, inputs, outputs, places, kernel, size, cut }, values) {
  const [rows, columns] = kernel, [height, width] = size;
  const sums = new Float64Array(height * width * outputs);
  for (let start = 0; start < sums.length; start += bias.length) sums.set(bias, start);
  for (const [i, value] of values) {
    if (value === 0) continue;
    const place = Math.floor(i / inputs), channel = i % inputs;
    const top = 2 * Math.floor(place / places[1]) - cut[0];
    const left = 2 * (place % places[1]) - cut[1];
    const [from, to] = [Math.max(0, -left), Math.min(columns, width - left)];
    const last = Math.min(rows, height - top);
    for (let row = Math.max(0, -top); row < last; row += 1) {
      let w = ((channel * rows + row) * columns + from) * outputs;
      let o = ((top + row) * width + left + from) * outputs;
      for (const end = o + (to - from) * outputs; o < end; o += 1, w += 1) {
        sums[o] += value * weights[w];
      }
    }
  }
  return sums;
}

// The image of a code, Map number -> value, before the last activation and after it.
function outputs({ layers }, code) {
  let x = code;
  for (const layer of layers.slice(0, -1)) {
    x = product(layer, x).map(ACTIVATIONS[layer.activation]).entries();
  }
  return product(layers[layers.length - 1], x);
}
function decode(decoder, code) {
  const { activation } = decoder.layers[decoder.layers.length - 1];
  return outputs(decoder, code).map(ACTIVATIONS[activation]);
}

function codesOf({ counts, numbers, values }) {
  const [sizes, which, strengths] = [integers(counts), integers(numbers), floats(values)];
  let end = 0;
  return Array.from(sizes, (size) => {
    const code = new Map();
    for (let i = end; i < end + size; i += 1) code.set(which[i], strengths[i]);
    end += size;
    return code;
  });
}

// A code may have numbers at several places: number i is of the latent i % LATENTS.
const codes = { test: codesOf(data.tests), sample: codesOf(data.samples) };
const rates = floats(data.rates);
const tops = integers(data.top);
const usual = integers(data.usual);
const LATENTS = rates.length;
const TOP = tops.length / LATENTS;
const byUse = [...rates.keys()].sort((a, b) => rates[b] - rates[a] || a - b);
// A latent that was never seen active gets the range that others have.
const largest = (() => {
  const seen = floats(data.largest), known = [...seen].filter((x) => x > 0).sort((a, b) => a - b);
  return seen.map((x) => x || known[known.length >> 1] || 1);
})();
// The strength of a latent is its value at the place where that is largest, or most
// negative.
function strengthsOf(code) {
  const found = new Map();
  for (const [number, x] of code) {
    const latent = number % LATENTS;
    if (Math.abs(x) > Math.abs(found.get(latent) ?? 0)) found.set(latent, x);
  }
  return found;
}
const strengths = { test: codes.test.map(strengthsOf), sample: codes.sample.map(strengthsOf) };
const signed = [...strengths.test, ...strengths.sample].some(
  (found) => [...found.values()].some((x) => x < 0));

// ---- pictures ----

function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  for (let p = 0; p < width * height; p += 1) picture.data.set(colour(p), 4 * p);
  context.putImageData(picture, 0, 0);
}
// Two or four channels are shown side by side.
const at = (p) => {
  const y = Math.floor(p / SHOWN_WIDTH), x = p % SHOWN_WIDTH;
  return (y * WIDTH + x % WIDTH) * CHANNELS + Math.floor(x / WIDTH);
};
const level = (x) => Math.round((Math.min(Math.max(x / data.scale, -1), 1) + 1) * 127.5);

function paintImage(canvas, values) {
  paint(canvas, SHOWN_WIDTH, HEIGHT, CHANNELS === 3
    ? (p) => [level(values[3 * p]), level(values[3 * p + 1]), level(values[3 * p + 2]), 255]
    : (p) => { const grey = level(values[at(p)]); return [grey, grey, grey, 255]; });
}

// What is added is orange, what is taken away blue; of colours, grey is no change.
function paintChange(canvas, values, most) {
  const peak = most ?? values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  const tone = (x) => Math.round((Math.min(Math.max(x / peak, -1), 1) + 1) * 127.5);
  paint(canvas, SHOWN_WIDTH, HEIGHT, CHANNELS === 3
    ? (p) => [tone(values[3 * p]), tone(values[3 * p + 1]), tone(values[3 * p + 2]), 255]
    : (p) => {
      const x = values[at(p)] / peak;
      return [...(x > 0 ? [240, 120, 20] : [50, 125, 240]), 255 * Math.min(Math.abs(x), 1)];
    });
}

const sprite = new Image();
function paintStored(canvas, rows, columns) {
  canvas.width = columns * SHOWN_WIDTH;
  canvas.height = Math.ceil(rows.length / columns) * HEIGHT;
  const context = canvas.getContext("2d");
  rows.forEach((row, i) => {
    if (row < 0) return;
    context.drawImage(
      sprite, row % data.columns * SHOWN_WIDTH, Math.floor(row / data.columns) * HEIGHT,
      SHOWN_WIDTH, HEIGHT, i % columns * SHOWN_WIDTH, Math.floor(i / columns) * HEIGHT,
      SHOWN_WIDTH, HEIGHT,
    );
  });
}

// A latent that is off appears where it usually is strongest.
const alone = (latent, x) => [usual[latent] * LATENTS + latent, x];

// What an atom adds at its largest strength when all others are off.
const empty = decoders.map((decoder) => outputs(decoder, new Map()));
function effect(latent) {
  const made = outputs(decoders[chosen()], new Map([alone(latent, largest[latent])]));
  return made.map((x, i) => x - empty[chosen()][i]);
}

// ---- the state, and its address ----

const find = (id) => document.getElementById(id);
const kinds = Object.keys(codes).filter((kind) => codes[kind].length);
// Without a decoder that somebody chose, that of the kind of the image draws it.
const initial = () => ({ kind: kinds[0], index: 0, edits: new Map(), decoder: null });
const chosen = () => state.decoder ?? data.own[state.kind];
let state = initial();
let [undone, done] = [[], []]; // states
const copy = (s) => ({ ...s, edits: new Map(s.edits) });
const start = () => strengths[state.kind][state.index];
const value = (latent) => state.edits.get(latent) ?? start().get(latent) ?? 0;
const short = (x) => String(Number(x.toPrecision(4)));

const active = () => [...new Set([...start().keys(), ...state.edits.keys()])].filter(value);

// The code with all changes: a latent is scaled at all of its places.
function current() {
  const code = new Map(codes[state.kind][state.index]);
  for (const [number, x] of code) {
    const latent = number % LATENTS, edit = state.edits.get(latent);
    if (edit !== undefined) code.set(number, x * (edit / start().get(latent)));
  }
  for (const [latent, x] of state.edits) if (!start().get(latent)) code.set(...alone(latent, x));
  return code;
}

function address() {
  const parts = [`${state.kind}=${state.index}`];
  if (state.decoder !== null) parts.push(`decoder=${state.decoder}`);
  for (const [latent, x] of state.edits) parts.push(`${latent}=${short(x)}`);
  return `#${parts.join("&")}`;
}

// What cannot be read is left out: a link may be cut off, or of another run.
function read(hash) {
  const found = initial();
  for (const part of hash.slice(1).split("&")) {
    const [name, text] = part.split("="), number = Number(text);
    if (!text || !Number.isFinite(number)) continue;
    if (Object.hasOwn(codes, name)) {
      if (number in codes[name]) Object.assign(found, { kind: name, index: number });
    } else if (name === "decoder") {
      if (number in decoders) found.decoder = number;
    } else if (/^\d+$/.test(name) && Number(name) < LATENTS) {
      const limit = 10 * largest[Number(name)];
      found.edits.set(Number(name), Math.min(Math.max(number, -limit), limit));
    }
  }
  return found;
}

// ---- cards: an atom with its images and its slider ----

const cards = new Map(); // latent -> its cards
const drawn = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) { drawCard(target); drawn.unobserve(target); }
  }
}, { rootMargin: "300px" });

function drawCard(card) {
  const latent = Number(card.dataset.latent);
  paintChange(card.querySelector(".atom canvas"), effect(latent));
  const rows = [...tops.slice(latent * TOP, (latent + 1) * TOP)];
  const strip = card.querySelector("canvas.top"); // else no image has it
  if (strip) paintStored(strip, rows, TOP_COLUMNS);
}

function element(markup) {
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  return holder.content.firstElementChild;
}

function makeCard(latent) {
  const rate = rates[latent];
  const used = rate === 0 ? "never" : `${Number((100 * rate).toPrecision(2))} %`;
  const seen = tops[latent * TOP] >= 0;
  const card = element(`<li class="card" data-latent="${latent}">
    <button type="button" class="atom" aria-label="${data.noun} ${latent}: off or on"><canvas></canvas></button>
    ${seen ? `<canvas class="top" role="img" aria-label="Images in which ${data.noun} ${latent} is strongest"></canvas>`
    : `<span class="top none">in no image</span>`}
    <span class="name">#${latent} <small title="Share of ${data.where} which it is active">${used}</small></span>
    <output></output>
    <input type="range" min="${signed ? -TRAVEL : 0}" max="${TRAVEL}" step="1" aria-label="Strength of ${data.noun} ${latent}">
  </li>`);
  const slider = card.querySelector("input");
  slider.addEventListener("input", () => {
    if (!dragging) { remember(); dragging = true; }
    set(latent, slider.valueAsNumber / 100 * largest[latent]);
    show();
  });
  slider.addEventListener("change", () => { dragging = false; settle(latent); });
  card.querySelector(".atom").addEventListener("click", () => {
    remember();
    const before = start().get(latent) || largest[latent];
    set(latent, value(latent) === 0 ? before : 0);
    show();
    settle(latent);
  });
  cards.set(latent, [...(cards.get(latent) ?? []), card]);
  drawn.observe(card);
  syncCard(card);
  return card;
}

function syncCard(card) {
  const latent = Number(card.dataset.latent), x = value(latent);
  const figure = (number) => short(Number(number.toFixed(2)));
  const slider = card.querySelector("input"), text = figure(x);
  slider.value = Math.round(100 * x / largest[latent]);
  slider.setAttribute("aria-valuetext", text);
  const before = state.edits.has(latent) ? `${figure(start().get(latent) ?? 0)} → ` : "";
  card.querySelector("output").textContent = before + text;
  card.classList.toggle("on", x !== 0);
  card.classList.toggle("changed", state.edits.has(latent));
  card.querySelector(".atom").setAttribute("aria-pressed", String(x !== 0));
}

// A list of cards that grows when its button is pressed.
function fill(section, latents, from = 0) {
  const list = section.querySelector(".cards"), more = section.querySelector(".more");
  if (!from) {
    for (const card of list.children) {
      drawn.unobserve(card);
      const latent = Number(card.dataset.latent);
      cards.set(latent, cards.get(latent).filter((other) => other !== card));
    }
    list.replaceChildren();
  }
  const end = Math.min(from + CARDS, latents.length);
  list.append(...latents.slice(from, end).map(makeCard));
  more.hidden = end >= latents.length;
  more.textContent = `Show more (${latents.length - end})`;
  more.onclick = () => {
    const shown = list.children.length;
    fill(section, latents, end);
    list.children[shown].querySelector("input").focus();
  };
}

// ---- changes ----

let dragging = false; // one move of a slider is one step to undo

function remember() {
  done.push(copy(state));
  undone = [];
}

function set(latent, x) {
  if (x === (start().get(latent) ?? 0)) state.edits.delete(latent);
  else state.edits.set(latent, x);
}

function change(move) {
  remember();
  move();
  refresh();
}

function travel(from, to) {
  if (!from.length) return;
  to.push(copy(state));
  state = from.pop();
  refresh();
}

// After a change: the address, and a card among those of the image, unless it would
// move what is on the screen, in browsers that do not hold on to that.
const holds = CSS.supports("overflow-anchor", "auto");
function settle(latent) {
  const list = find("active").querySelector(".cards");
  const listed = start().get(latent) || list.querySelector(`[data-latent="${latent}"]`);
  if (holds && !listed) list.prepend(makeCard(latent));
  publish();
}

function publish() {
  history.replaceState(null, "", address());
}

function say(text) {
  find("said").textContent = text;
  setTimeout(() => { find("said").textContent = ""; }, 3000);
}

// ---- the page ----

function nameOf() {
  if (state.kind === "sample") return `Random sample ${state.index}`;
  const name = data.tests.classes[state.index];
  return `Test image ${state.index}${name ? `, class ${name}` : ""}`;
}

// Shows the image; called at each move of a slider.
function show() {
  const image = decode(decoders[chosen()], current());
  paintImage(find("image"), image);
  const most = 0.5 * data.scale;
  paintChange(document.querySelector("#difference canvas"), image.map((x, i) => x - unchanged[i]), most);
  const original = find("original");
  if (original) {
    original.hidden = state.kind !== "test";
    if (!original.hidden) paintStored(original.querySelector("canvas"), [state.index], 1);
  }
  find("title").textContent = nameOf();
  const count = state.edits.size, on = active().length;
  find("count").textContent = `${on} of ${LATENTS} ${data.noun}s make up this image.`;
  find("changes").textContent = count ? `${count} ${count === 1 ? "change" : "changes"}` : "";
  for (const [name, off] of [["undo", !done.length], ["redo", !undone.length],
    ["reset", !count], ["off", !on]]) find(name).disabled = off;
  for (const same of cards.values()) same.forEach(syncCard);
}

// The squares of an atom's weights.
function energyOf(latent) {
  const [{ weights, inputs }] = decoders[chosen()].layers, each = weights.length / inputs;
  return weights.subarray(latent * each, (latent + 1) * each).reduce((sum, w) => sum + w * w, 0);
}

// Shows all of a state that is new: another image, another decoder, one that was undone.
let [listed, unchanged] = ["", null];
function refresh() {
  const image = `${state.kind} ${state.index} ${chosen()}`;
  if (image !== listed) {
    listed = image;
    const code = codes[state.kind][state.index], energies = new Map();
    for (const [number, x] of code) {
      const latent = number % LATENTS;
      energies.set(latent, (energies.get(latent) ?? 0) + x * x);
    }
    for (const [latent, squares] of energies) energies.set(latent, squares * energyOf(latent));
    for (const latent of state.edits.keys()) {
      if (!start().get(latent)) energies.set(latent, Infinity);
    }
    fill(find("active"), [...energies.keys()].sort((a, b) => energies.get(b) - energies.get(a)));
    unchanged = decode(decoders[chosen()], code);
    paintImage(document.querySelector("#unchanged canvas"), unchanged);
    for (const card of find("all").querySelectorAll(".card")) drawn.observe(card);
    for (const box of document.querySelectorAll("input[name=test]")) {
      box.checked = state.kind === "test" && Number(box.value) === state.index;
    }
    for (const box of document.querySelectorAll("input[name=decoder]")) {
      box.checked = Number(box.value) === chosen();
    }
  }
  show();
  publish();
}

function chooseTest(index) {
  change(() => { Object.assign(state, { kind: "test", index, edits: new Map() }); });
}

function build() {
  const tests = find("tests");
  codes.test.forEach((_, index) => {
    const name = data.tests.classes[index];
    const box = element(`<label><input type="radio" name="test" value="${index}"><canvas></canvas></label>`);
    box.firstChild.setAttribute("aria-label", `Test image ${index}${name ? `, class ${name}` : ""}`);
    box.title = name ? `class ${name}` : "";
    box.firstChild.addEventListener("change", () => chooseTest(index));
    paintStored(box.lastChild, [index], 1);
    tests.append(box);
  });
  for (const box of document.querySelectorAll("input[name=decoder]")) {
    box.addEventListener("change", () => change(() => { state.decoder = Number(box.value); }));
  }
  fill(find("all"), byUse);
  const click = (id, act) => find(id)?.addEventListener("click", act);
  click("undo", () => travel(done, undone));
  click("redo", () => travel(undone, done));
  click("reset", () => change(() => state.edits.clear()));
  click("off", () => change(() => {
    for (const latent of active()) set(latent, 0);
  }));
  click("random", () => change(() => {
    const others = codes.sample.length - (state.kind === "sample" ? 1 : 0);
    let index = Math.floor(Math.random() * others);
    if (state.kind === "sample" && index >= state.index) index += 1;
    Object.assign(state, { kind: "sample", index, edits: new Map() });
  }));
  click("link", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied.");
    } catch {
      say("The address of this page is the link.");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "z" || key === "y") {
      event.preventDefault();
      if (key === "y" || event.shiftKey) travel(undone, done);
      else travel(done, undone);
    }
  });
  addEventListener("hashchange", () => { state = read(location.hash); refresh(); });
}

state = read(location.hash);
sprite.onload = () => { build(); refresh(); };
sprite.src = data.sprite;

// For a browser's console: explorer.decode(new Map([[17, 2]])) gives the pixels.
globalThis.explorer = {
  decode: (code, decoder = chosen()) => [...decode(decoders[decoder], code)],
  code: (kind, index) => codes[kind][index],
};
