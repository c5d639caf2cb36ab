"use strict";
/* The explorer: a map, a tree and a table of the same rows, linked by the row. All text is put in as text. */

const PALETTE = ["#2f6f4f", "#e0a458", "#4c78a8", "#c0392b", "#8e6bbf", "#59a5a9", "#b5b03c", "#d67fb0", "#7f6a55", "#5d7a1f"];
const OTHER = "#b8beba", FADED = "#e6e9e7", RAMP = [[237, 243, 216], [126, 189, 150], [23, 78, 88]];
const MANY = 5000, ROW = 24, MOST_LEVELS = PALETTE.length, LONG = new Set(["content", "response", "complexity_reason"]);
const $ = (id) => document.getElementById(id);

async function unpack(text) {
  const coded = atob(text), bytes = new Uint8Array(coded.length);
  for (let at = 0; at < coded.length; at += 1) bytes[at] = coded.charCodeAt(at); // from() takes ten times as long
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") made.addEventListener("click", value); else made.setAttribute(name, value);
  }
  return made;
}

const state = { data: null, rows: 0, shown: [], visible: null, query: "", filters: new Map(), colour: null,
  sort: null, selected: null, view: { x: 0, y: 0, scale: 1 }, focus: null };
const columns = new Map();
let lowered = null, shades = null, inks = null, root = null, order = null, sortKey = null;

/* Columns: numbers as they are, words as codes into their levels, anything else as text. */
function value(column, row) {
  const found = column.kind === "category" ? column.levels[column.codes[row]] : column.values[row];
  return found === undefined ? null : found;
}
const cell = (name, row) => (columns.has(name) ? value(columns.get(name), row) : null);
const brief = (v) => (v === null ? "" : typeof v === "number" ? String(Math.round(v * 1000) / 1000) : String(v));
const oneLine = (text, most = 160) => { const flat = brief(text).slice(0, most * 2).replace(/\s+/g, " "); return flat.length > most ? flat.slice(0, most - 1) + "…" : flat; };

function prepare() {
  for (const column of state.data.columns) {
    columns.set(column.name, column);
    if (column.kind === "number") {
      let low = Infinity, high = -Infinity;
      for (const v of column.values) if (v !== null) { if (v < low) low = v; if (v > high) high = v; }
      column.low = low; column.high = high;
    } else if (column.kind === "category") {
      const counts = new Uint32Array(column.levels.length);
      for (const code of column.codes) if (code >= 0) counts[code] += 1;
      column.ranked = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
      column.counts = counts;
      column.colours = new Array(column.levels.length).fill(OTHER);
      column.ranked.slice(0, MOST_LEVELS).forEach((code, place) => { column.colours[code] = PALETTE[place]; });
    }
  }
}

function ramp(share) {
  const at = Math.max(0, Math.min(1, share)) * 2, low = Math.min(1, Math.floor(at)), part = at - low;
  const mixed = RAMP[low].map((c, n) => Math.round(c + (RAMP[low + 1][n] - c) * part));
  return `rgb(${mixed.join(",")})`;
}
function shade(column, v, code) {
  if (column.kind === "category") return code >= 0 ? column.colours[code] : OTHER;
  return v === null || v === undefined ? OTHER : ramp(column.high > column.low ? (v - column.low) / (column.high - column.low) : 0.5);
}
function recolour() {
  const column = columns.get(state.colour);
  shades = new Array(state.rows);
  for (let row = 0; row < state.rows; row += 1) {
    shades[row] = column.kind === "category" ? shade(column, null, column.codes[row]) : shade(column, column.values[row]);
  }
  inks = state.rows > MANY ? Uint32Array.from(shades, packedInk) : null;
  colourTree(column);
  legend(column);
}

/* Which rows are shown: all that hold the searched words and pass every filter. */
function apply() {
  const visible = new Uint8Array(state.rows).fill(1);
  if (state.query) {
    if (!lowered) {
      const texts = ["id", "content", "response"].filter((name) => columns.has(name)).map((name) => columns.get(name));
      lowered = Array.from({ length: state.rows }, (_, row) => texts.map((c) => value(c, row) ?? "").join("\n").toLowerCase());
    }
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    for (let row = 0; row < state.rows; row += 1) if (!words.every((w) => lowered[row].includes(w))) visible[row] = 0;
  }
  for (const [name, filter] of state.filters) {
    const column = columns.get(name);
    for (let row = 0; row < state.rows; row += 1) {
      if (!visible[row]) continue;
      if (filter.rows) visible[row] = filter.rows[row];
      else if (column.kind === "category") visible[row] = column.codes[row] === filter.code ? 1 : 0;
      else { const v = column.values[row]; visible[row] = v !== null && v >= filter.low && v <= filter.high ? 1 : 0; }
    }
  }
  state.visible = visible;
  arrange();
  $("count").textContent = `${state.shown.length.toLocaleString("en")} of ${state.rows.toLocaleString("en")} rows`;
  drawFilters(); drawMap(); drawTree(); drawTable();
}
function arrange() {
  const key = state.sort ? `${state.sort.name}:${state.sort.up}` : "";
  if (!order || key !== sortKey) {
    order = Array.from({ length: state.rows }, (_, row) => row);
    if (state.sort) {
      const column = columns.get(state.sort.name), sign = state.sort.up ? 1 : -1;
      const keys = order.map((row) => value(column, row));
      order.sort((a, b) => {
        const x = keys[a], y = keys[b];
        if (x === y) return a - b;
        if (x === null) return 1;
        if (y === null) return -1;
        return x < y ? -sign : sign;
      });
    }
    sortKey = key;
  }
  state.shown = order.filter((row) => state.visible[row]);
}

/* The map. */
function surface(id) {
  const canvas = $(id), ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = Math.max(1, Math.round(box.width)), height = Math.max(1, Math.round(box.height));
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) { canvas.width = width * ratio; canvas.height = height * ratio; }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
let mapSize = { width: 1, height: 1 };
const reach = () => (Math.min(mapSize.width, mapSize.height) / 2 - 14) * state.view.scale; // pixels from 0 to 1
function place(row) {
  const { width, height } = mapSize, side = reach();
  return [width / 2 + (state.data.x[row] - state.view.x) * side, height / 2 - (state.data.y[row] - state.view.y) * side];
}
/* Very many points are written as pixels, which takes a tenth of the time of drawing them. */
function paint(context) {
  const { width, height } = context.canvas, ratio = width / mapSize.width, image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer), side = Math.max(2, Math.round((state.rows > 20000 ? 2 : 3) * ratio));
  const unit = reach() * ratio, { x: xs, y: ys } = state.data;
  const left = width / 2 - state.view.x * unit - side / 2, top = height / 2 + state.view.y * unit - side / 2;
  const dot = (row, ink) => {
    const x = Math.round(left + xs[row] * unit), y = Math.round(top - ys[row] * unit);
    if (x < 0 || y < 0 || x + side > width || y + side > height) return;
    for (let line = y * width + x, n = 0; n < side; n += 1, line += width) pixels.fill(ink, line, line + side);
  };
  const faded = packedInk(FADED);
  for (let row = 0; row < state.rows; row += 1) if (!state.visible[row]) dot(row, faded);
  for (let row = 0; row < state.rows; row += 1) if (state.visible[row]) dot(row, inks[row]);
  context.putImageData(image, 0, 0);
}
const known = new Map();
function packedInk(colour) {
  if (!known.has(colour)) {
    const parts = colour.startsWith("#") ? [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) : colour.match(/\d+/g).map(Number);
    known.set(colour, (255 << 24 | parts[2] << 16 | parts[1] << 8 | parts[0]) >>> 0);
  }
  return known.get(colour);
}
function drawMap() {
  const { context, width, height } = surface("map");
  mapSize = { width, height };
  if (state.rows > MANY) paint(context);
  else {
    const dot = (row, fill) => { const [x, y] = place(row); context.fillStyle = fill; context.fillRect(x - 3, y - 3, 6, 6); };
    for (let row = 0; row < state.rows; row += 1) if (!state.visible[row]) dot(row, FADED);
    for (const row of state.shown) dot(row, shades[row]);
  }
  if (state.selected === null) return;
  const way = steps(state.ofRow[state.selected]).map((node) => state.data.tree.row[node]).filter((row) => row !== null);
  context.strokeStyle = "#1f2a24";
  context.beginPath();
  way.forEach((row, n) => { const [x, y] = place(row); if (n) context.lineTo(x, y); else context.moveTo(x, y); });
  context.stroke();
  const [x, y] = place(state.selected);
  context.lineWidth = 2;
  context.beginPath(); context.arc(x, y, 8, 0, 7); context.stroke();
  context.lineWidth = 1;
}
function nearestTo(event) {
  const box = $("map").getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
  let best = null, least = 144;
  for (const row of state.shown) {
    const [x, y] = place(row), d = (x - px) ** 2 + (y - py) ** 2;
    if (d < least) { least = d; best = row; }
  }
  return best;
}
function legend(column) {
  const box = $("legend");
  box.replaceChildren();
  if (column.kind === "number") {
    for (const share of [1, 0.5, 0]) {
      const line = element("div"), swatch = element("i");
      swatch.style.background = ramp(share);
      line.append(swatch, brief(column.low + (column.high - column.low) * share));
      box.append(line);
    }
    return;
  }
  for (const code of column.ranked.slice(0, 24)) {
    const line = element("button", undefined, { type: "button", click: () => setFilter(column.name, { code }) }), swatch = element("i");
    swatch.style.background = column.colours[code];
    line.append(swatch, `${oneLine(column.levels[code], 40)} (${column.counts[code].toLocaleString("en")})`);
    box.append(line);
  }
  if (column.ranked.length > 24) box.append(element("div", `and ${column.ranked.length - 24} more`));
}

/* The tree, as an icicle: a node above its children, as wide as what is below it. */
function growTree() {
  const tree = state.data.tree, nodes = tree.parent.map((_, node) => ({ node, children: [] })), tops = [];
  tree.parent.forEach((parent, node) => (parent === null ? tops : nodes[parent].children).push(nodes[node]));
  root = d3.hierarchy({ node: null, children: tops }).sum((d) => (d.children.length ? 0 : 1));
  d3.partition().size([1, root.height + 1])(root);
  root.each((d) => { if (d.data.node !== null) nodes[d.data.node].place = d; });
  state.places = nodes.map((n) => n.place);
  state.ofRow = new Array(state.rows).fill(null);
  tree.row.forEach((row, node) => { if (row !== null) state.ofRow[row] = node; });
  state.focus = root;
}
function colourTree(column) {
  const tree = state.data.tree;
  root.eachAfter((d) => {
    const row = d.data.node === null ? null : tree.row[d.data.node];
    if (row !== null) { d.fill = shades[row]; d.sum = 0; d.count = 0; if (column.kind === "number" && column.values[row] !== null) { d.sum = column.values[row]; d.count = 1; } }
    else { d.sum = 0; d.count = 0; d.fill = OTHER; }
    for (const child of d.children ?? []) { d.sum += child.sum; d.count += child.count; }
    if (row === null && column.kind === "number" && d.count) d.fill = shade(column, d.sum / d.count);
  });
}
let treeSize = { width: 1, height: 1 };
function box(d) {
  const f = state.focus, span = f.x1 - f.x0 || 1, levels = root.height + 1 - f.depth;
  return [((d.x0 - f.x0) / span) * treeSize.width, ((d.depth - f.depth) / levels) * treeSize.height,
    ((d.x1 - d.x0) / span) * treeSize.width, treeSize.height / levels];
}
function drawTree() {
  const { context, width, height } = surface("tree");
  treeSize = { width, height };
  const tree = state.data.tree, stack = [state.focus];
  context.font = "11px system-ui, sans-serif";
  while (stack.length) {
    const d = stack.pop(), [x, y, w, h] = box(d);
    if (w < 0.3) continue; // its children are narrower still
    const row = d.data.node === null ? null : tree.row[d.data.node];
    context.fillStyle = row !== null && !state.visible[row] ? FADED : d.data.node === null ? "#f2f5f3" : d.fill;
    context.fillRect(x, y, w > 3 ? w - 1 : w, h - 1);
    if (d.data.node !== null && d.data.node === state.node) { context.strokeStyle = "#1f2a24"; context.lineWidth = 2; context.strokeRect(x + 1, y + 1, Math.max(1, w - 3), h - 3); context.lineWidth = 1; }
    if (w > 40 && h > 13) {
      const label = d.data.node === null ? "all" : oneLine(tree.label[d.data.node], 60);
      context.save(); context.beginPath(); context.rect(x, y, w - 2, h); context.clip();
      context.lineWidth = 3; context.strokeStyle = "#ffffffc0"; context.strokeText(label, x + 4, y + 12);
      context.fillStyle = "#1f2a24"; context.fillText(label, x + 4, y + 12); context.restore(); context.lineWidth = 1;
    }
    for (const child of d.children ?? []) stack.push(child);
  }
}
function nodeAt(event) {
  const area = $("tree").getBoundingClientRect(), px = event.clientX - area.left, py = event.clientY - area.top;
  let d = state.focus;
  for (;;) {
    const [x, y, w, h] = box(d);
    if (px < x || px > x + w || py < y) return null;
    if (py < y + h) return d;
    const below = (d.children ?? []).find((child) => { const [cx, , cw] = box(child); return px >= cx && px < cx + cw; });
    if (!below) return null;
    d = below;
  }
}
function below(d) {
  const rows = new Uint8Array(state.rows);
  d.each((one) => { const row = one.data.node === null ? null : state.data.tree.row[one.data.node]; if (row !== null) rows[row] = 1; });
  return rows;
}

/* The table: only the rows in sight are made. */
function drawHead() {
  $("head").replaceChildren(...state.data.table.map((name) => {
    const mark = state.sort?.name === name ? (state.sort.up ? " ▲" : " ▼") : "";
    return element("button", name + mark, { type: "button", class: LONG.has(name) ? "wide" : "", "data-column": name, click: () => {
      state.sort = { name, up: state.sort?.name === name ? !state.sort.up : true };
      drawHead(); arrange(); $("scroll").scrollTop = 0; drawTable();
    } });
  }));
}
function drawTable() {
  const scroll = $("scroll"), first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 4);
  const last = Math.min(state.shown.length, first + Math.ceil(scroll.clientHeight / ROW) + 8);
  $("spacer").style.height = `${state.shown.length * ROW}px`;
  $("body").style.transform = `translateY(${first * ROW}px)`;
  $("body").replaceChildren(...state.shown.slice(first, last).map((row) => {
    const line = element("div", undefined, { class: row === state.selected ? "row selected" : "row", "data-row": row, click: () => select(row) });
    for (const name of state.data.table) line.append(element("span", oneLine(cell(name, row)), { class: LONG.has(name) ? "wide" : "" }));
    return line;
  }));
}

/* Filters. */
function setFilter(name, filter) { state.filters.set(name, filter); apply(); }
function drawFilters() {
  $("filters").replaceChildren(...[...state.filters].map(([name, filter]) => {
    const column = columns.get(name);
    const what = filter.label ?? (column.kind === "category" ? `${name}: ${oneLine(column.levels[filter.code], 40)}` : `${name}: ${brief(filter.low)} to ${brief(filter.high)}`);
    return element("button", `${what} ×`, { type: "button", click: () => { state.filters.delete(name); apply(); } });
  }));
}
function offerFilter() {
  const column = columns.get($("filter-column").value), holder = $("filter-value");
  holder.replaceChildren();
  if (!column) return;
  if (column.kind === "category") {
    const choice = element("select", undefined, { id: "filter-level" });
    choice.append(element("option", "choose", { value: "" }));
    for (const code of column.ranked.slice(0, 500)) choice.append(element("option", `${oneLine(column.levels[code], 60)} (${column.counts[code]})`, { value: code }));
    choice.addEventListener("change", () => { if (choice.value !== "") setFilter(column.name, { code: Number(choice.value) }); });
    holder.append(choice);
    return;
  }
  const ends = ["low", "high"].map((end) => element("input", undefined, { type: "number", step: "any", value: brief(column[end]), id: `filter-${end}`, size: 6 }));
  for (const end of ends) end.addEventListener("change", () => {
    const [low, high] = ends.map((one) => one.valueAsNumber);
    if (!Number.isNaN(low) && !Number.isNaN(high)) setFilter(column.name, { low, high });
  });
  holder.append(ends[0], " to ", ends[1]);
}

/* One row: its ancestors, what changed from its parent, its scores, its neighbours. */
function steps(node) {
  const way = [];
  for (let at = node; at !== null && at !== undefined; at = state.data.tree.parent[at]) way.unshift(at);
  return way;
}
function select(row) { pick(state.ofRow[row], row); }
function pick(node, row) {
  state.selected = row; state.node = node;
  drawMap(); drawTree(); drawTable(); drawDetail();
}
function changed(before, after, side) {
  const text = element("div", undefined, { class: "text" });
  const parts = Diff.diffWordsWithSpace(before, after, { timeout: 500 });
  if (!parts) { text.textContent = side === "before" ? before : after; return text; } // too long to compare in time
  for (const part of parts) {
    if (side === "before" ? part.added : part.removed) continue;
    text.append(element(part.added ? "ins" : part.removed ? "del" : "span", part.value));
  }
  return text;
}
function quoted(text) { return `'${String(text).replace(/'/g, "'\\''")}'`; }
function drawDetail() {
  const detail = $("detail"), tree = state.data.tree, row = state.selected, node = state.node;
  detail.replaceChildren();
  detail.scrollTop = 0;
  if (node !== null && node !== undefined) {
    const way = element("div", undefined, { class: "way", id: "ancestors" });
    steps(node).forEach((at, n) => {
      if (n) way.append("→");
      way.append(element("button", oneLine(tree.label[at], 50), { type: "button", class: at === node ? "selected" : "", "data-node": at, click: () => pick(at, tree.row[at]) }));
    });
    detail.append(element("h2", "From the root"), way);
    const place = state.places[node], children = place.children ?? [];
    if (children.length) {
      const list = element("div", undefined, { class: "way", id: "children" });
      for (const child of children.slice(0, 40)) list.append(element("button", oneLine(tree.label[child.data.node], 50), { type: "button", click: () => pick(child.data.node, tree.row[child.data.node]) }));
      if (children.length > 40) list.append(`and ${children.length - 40} more`);
      detail.append(element("h2", `${children.length} below`), list,
        element("button", "Show only what is below", { type: "button", click: () => setFilter("(tree)", { rows: below(place), label: `below ${oneLine(tree.label[node], 40)}` }) }));
    }
  }
  if (row === null) return;
  const parentNode = node === null || node === undefined ? null : tree.parent[node], parent = parentNode === null ? null : tree.row[parentNode];
  const content = brief(cell("content", row));
  if (parent !== null) {
    const before = brief(cell("content", parent)), pair = element("div", undefined, { class: "pair", id: "pair" });
    const left = element("div"), right = element("div");
    left.append(element("p", `parent ${cell("id", parent)}`, { class: "note" }), changed(before, content, "before"));
    right.append(element("p", `this row, ${cell("id", row)}`, { class: "note" }), changed(before, content, "after"));
    pair.append(left, right);
    detail.append(element("h2", "What changed"), pair);
  } else detail.append(element("h2", "Text"), element("pre", content, { id: "text" }));
  if (cell("response", row) !== null) detail.append(element("h2", "Answer"), element("pre", brief(cell("response", row))));
  const list = element("dl", undefined, { id: "fields" });
  for (const [name, column] of columns) {
    const v = value(column, row);
    if (name === "content" || name === "response" || v === null) continue;
    const before = parent !== null && column.kind === "number" ? value(column, parent) : null;
    list.append(element("dt", name), element("dd", before === null ? brief(v) : `${brief(v)} (parent ${brief(before)})`));
  }
  detail.append(element("h2", "Row"), list);
  const near = state.data.near[row];
  if (near?.length) {
    detail.append(element("h2", "Nearest"));
    for (const [other, similarity] of near) detail.append(element("button", `${similarity.toFixed(3)} ${cell("id", other)}: ${oneLine(cell("content", other))}`, { type: "button", class: "near", "data-row": other, click: () => select(other) }));
  }
  const batch = cell("batch", row), more = batch === null || state.data.of.startsWith("tree:") ? "" : ` --batch ${quoted(batch)}`;
  detail.append(element("h2", "Prompts, replies, cost"), element("code", `evergrow trace ${quoted(cell("id", row))}${more}`));
}

function tip(event, text) {
  const box = $("tip");
  box.hidden = text === null;
  if (text === null) return;
  box.textContent = text;
  box.style.left = `${Math.min(event.clientX + 14, window.innerWidth - 370)}px`;
  box.style.top = `${event.clientY + 14}px`;
}
function listen() {
  const map = $("map"), tree = $("tree");
  let held = null, moved = false;
  map.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY]; moved = false; });
  window.addEventListener("pointerup", () => { held = null; });
  map.addEventListener("pointermove", (e) => {
    if (held && e.buttons) {
      const dx = e.clientX - held[0], dy = e.clientY - held[1], side = reach();
      if (!moved && Math.hypot(dx, dy) < 4) return;
      moved = true; held = [e.clientX, e.clientY];
      state.view.x -= dx / side; state.view.y += dy / side;
      drawMap();
    } else { const row = nearestTo(e); tip(e, row === null ? null : `${cell("id", row)}: ${oneLine(cell("content", row), 240)}`); }
  });
  map.addEventListener("pointerleave", (e) => tip(e, null));
  map.addEventListener("click", (e) => { const row = moved ? null : nearestTo(e); if (row !== null) select(row); });
  map.addEventListener("wheel", (e) => {
    e.preventDefault();
    state.view.scale = Math.max(0.5, Math.min(400, state.view.scale * Math.exp(-e.deltaY / 400)));
    drawMap();
  }, { passive: false });
  map.addEventListener("dblclick", () => { state.view = { x: 0, y: 0, scale: 1 }; drawMap(); });
  tree.addEventListener("click", (e) => { const d = nodeAt(e); if (d && d.data.node !== null) pick(d.data.node, state.data.tree.row[d.data.node]); });
  tree.addEventListener("dblclick", (e) => { const d = nodeAt(e); if (d) { state.focus = d.children ? d : d.parent ?? root; drawTree(); } });
  tree.addEventListener("pointermove", (e) => { const d = nodeAt(e); tip(e, d && d.data.node !== null ? `${oneLine(state.data.tree.label[d.data.node], 240)} (${d.value.toLocaleString("en")} below)` : null); });
  tree.addEventListener("pointerleave", (e) => tip(e, null));
  $("whole").addEventListener("click", () => { state.focus = root; drawTree(); });
  $("scroll").addEventListener("scroll", drawTable);
  let later = 0;
  $("search").addEventListener("input", () => { clearTimeout(later); later = setTimeout(() => { state.query = $("search").value.trim(); $("scroll").scrollTop = 0; apply(); }, 120); });
  $("colour").addEventListener("change", () => { state.colour = $("colour").value; recolour(); drawMap(); drawTree(); });
  $("filter-column").addEventListener("change", offerFilter);
  $("clear").addEventListener("click", () => { state.filters.clear(); state.query = ""; $("search").value = ""; $("filter-column").value = ""; offerFilter(); apply(); });
  $("table-pane").addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step || !state.shown.length) return;
    e.preventDefault();
    const at = Math.max(0, Math.min(state.shown.length - 1, state.shown.indexOf(state.selected) + step));
    $("scroll").scrollTop = Math.max(0, at * ROW - $("scroll").clientHeight / 2);
    select(state.shown[at]);
  });
  new ResizeObserver(() => { drawMap(); drawTree(); drawTable(); }).observe(document.querySelector("main"));
}

async function start() {
  state.data = await unpack($("data").textContent.trim());
  $("data").textContent = "";
  state.rows = state.data.x.length;
  prepare();
  for (const column of state.data.columns) {
    if (column.kind === "text") continue;
    $("colour").append(element("option", column.name, { value: column.name }));
    $("filter-column").append(element("option", column.name, { value: column.name }));
  }
  $("filter-column").prepend(element("option", "by a column", { value: "" }));
  $("filter-column").value = "";
  state.colour = state.data.colour;
  $("colour").value = state.colour;
  $("method").textContent = `${state.data.method}; model ${state.data.model}. Wheel zooms, dragging moves, a double click shows all.`;
  $("tree-note").textContent = `${state.data.tree.note} A double click goes into a part.`;
  growTree(); recolour(); drawHead(); listen(); apply();
  document.body.dataset.ready = "yes";
}
start().catch((error) => { document.body.dataset.ready = "failed"; $("detail").textContent = `The page could not be drawn: ${error}`; });
