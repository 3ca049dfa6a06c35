// One card: a title, a real table whose cells are drawn by kind, ages that tick here. Text only ever enters as textContent.
const LIVE = new WeakMap();

const now = (live, market) => (market ? live.data.market + live.gone * live.data.speed : live.data.now + live.gone);

const PARTS = {
  text(cell) {
    if (cell.g && !cell.v) {
      const mark = el("span", `only ${cell.s || ""}`);
      mark.append(glyph(cell.g));
      return mark;
    }
    const span = el("span", [cell.g || cell.s ? "bdg" : "", cell.s, cell.c].join(" ").trim());
    if (cell.g) span.append(glyph(cell.g));
    span.append(el("span", "", cell.v));
    if (cell.n) span.append(el("span", "note", cell.n));
    return span;
  },
  pill(cell) {
    const span = el("span", `pill ${cell.s || "none"}`);
    if (cell.g) span.append(glyph(cell.g));
    span.append(el("span", "", cell.v));
    return span;
  },
  big(cell) {
    const span = el("span", "big", cell.v);
    span.append(el("i", "", cell.u));
    return span;
  },
  seq(cell, live) {
    const span = el("span", "seq");
    span.append(...cell.items.map((item) => (typeof item === "string" ? el("span", "", item) : part(item, live))));
    return span;
  },
  age(cell, live) {
    const span = el("span", cell.c || "");
    live.ticks.push(() => { span.textContent = (cell.p || "") + words(now(live, cell.m) - cell.at); });
    return span;
  },
  meter(cell, live) {
    const svg = draw("svg", { class: "pic", width: 150, height: 16, "aria-hidden": "true" });
    const bar = draw("rect", { x: 0, y: 6, height: 4, rx: 1, fill: `var(--${cell.s}-f)` });
    svg.append(draw("rect", { x: 0, y: 6, width: 150, height: 4, rx: 1, fill: "var(--raise)" }), bar);
    for (const mark of cell.marks) {
      const x = (150 * mark) / cell.max;
      svg.append(draw("line", { x1: x, x2: x, y1: 3, y2: 13, stroke: "var(--tx3)" }));
    }
    live.ticks.push(() => bar.setAttribute("width", Math.max(2, Math.min(150, (150 * (now(live, cell.m) - cell.at)) / cell.max))));
    return svg;
  },
  spark(cell) {
    const w = cell.w || 128, h = 22, ink = cell.s ? `var(--${cell.s}-f)` : "var(--chart)";
    const svg = draw("svg", { class: "pic", width: w, height: h, viewBox: `0 0 ${w} ${h}`, "aria-hidden": "true" });
    for (const [from, to] of cell.gaps || []) svg.append(draw("rect", { x: from * w, y: 0, width: Math.max(1, (to - from) * w), height: h, fill: "var(--raise)" }));
    for (const run of cell.runs) {
      const points = run.map(([x, y]) => `${(x * (w - 2) + 1).toFixed(1)},${((1 - y) * (h - 3) + 1.5).toFixed(1)}`).join(" ");
      svg.append(draw("polyline", { points, fill: "none", stroke: ink, "stroke-width": 1.4, "stroke-linejoin": "round" }));
    }
    return svg;
  },
  hop(cell) {
    const box = el("span", "hop"), bar = el("i", cell.s || ""), label = el("s", cell.s || "", cell.v);
    if (cell.w !== null) {
      Object.assign(bar.style, { left: `${cell.x * 100}%`, width: `${cell.w * 100}%` });
      const right = cell.x + cell.w > 0.65;
      if (!right) label.style.left = `calc(${(cell.x + cell.w) * 100}% + 6px)`;
      else if (cell.x > 0.3) label.style.right = `calc(${(1 - cell.x) * 100}% + 6px)`;
      else { label.style.left = `calc(${cell.x * 100}% + 6px)`; label.classList.add("in"); }
      box.append(bar);
    } else label.style.left = "10px";
    box.append(label);
    return box;
  },
  bins(cell) {
    const box = el("span", "bins");
    for (const bin of cell.b) {
      const slot = el("i"), [share, tone] = bin || [0, ""];
      if (share > 0) {
        const fill = el("b", tone);
        fill.style.height = `${Math.max(12, share * 100)}%`;
        slot.append(fill);
      }
      box.append(slot);
    }
    return box;
  },
  bars(cell) {
    const box = el("span", "bars");
    for (const [height, tone] of cell.b) { const bar = el("i", tone); bar.style.height = `${Math.max(10, height * 100)}%`; box.append(bar); }
    return box;
  },
  ruler(cell) {
    const box = el("span", "ruler");
    for (const [name, from, to] of cell.bands) { const band = el("i", name); Object.assign(band.style, { left: `${from * 100}%`, width: `calc(${(to - from) * 100}% - 1px)` }); box.append(band); }
    if (cell.x !== null) { const mark = el("u"); mark.style.left = `calc(${cell.x * 100}% - 1px)`; box.append(mark); }
    return box;
  },
};

function part(cell, live) {
  if (cell === null || cell === undefined) return el("span", "t3", "\u2013");
  if (typeof cell === "string") return document.createTextNode(cell);
  return PARTS[cell.k || "text"](cell, live);
}

function line(row, columns, live, pick) {
  const tr = el("tr", row.c || "");
  row.cells.forEach((cell, i) => {
    const td = el("td", (columns[i] || {}).c || "");
    if (cell && cell.span) td.colSpan = cell.span;
    if (cell && cell.tip) td.title = cell.tip;
    td.append(part(cell, live));
    tr.append(td);
  });
  if (row.id !== undefined && row.id !== null) {
    tr.tabIndex = 0;
    tr.onclick = () => pick(row.id);
    tr.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(row.id); } };
  }
  return tr;
}

function heading(data, live) {
  const header = el("header");
  header.append(el("h2", "", data.title), el("span", "sub", data.sub || ""));
  const end = el("span", "end");
  end.append(...(data.end || []).map((item) => part(item, live)));
  header.append(end);
  return header;
}

function table(data, live, pick) {
  const scroll = el("div", "scroll"), grid = el("table"), top = el("tr"), head = el("thead"), body = el("tbody");
  if (data.alt) grid.setAttribute("aria-label", data.alt);
  const widths = el("colgroup");
  for (const column of data.columns) {
    const th = el("th", column.c || ""), width = el("col");
    th.scope = "col";
    if (column.w) width.style.width = column.w;
    if (column.h) th.append(part(column.h, live));
    top.append(th);
    widths.append(width);
  }
  grid.append(widths);
  if (data.columns.some((column) => column.h)) { head.append(top); grid.append(head); }
  body.append(...data.rows.map((row) => line(row, data.columns, live, pick)));
  grid.append(body);
  scroll.append(grid);
  return scroll;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.host ?? parentElement;
  let live = LIVE.get(parentElement);
  if (!live) {
    live = { root: el("section"), last: "" };
    LIVE.set(parentElement, live);
    parentElement.append(live.root);
  }
  tint(live.root, host);
  if (!live.data || live.data.now !== data.now) live.at = performance.now(); // called again with old data, ages go on
  live.data = data;
  const { now: _now, market: _market, ...shape } = data, last = JSON.stringify(shape);
  if (last !== live.last) {
    const focus = [...live.root.querySelectorAll("tr[tabindex]")].indexOf(parentElement.activeElement), left = live.root.querySelector(".scroll")?.scrollLeft || 0;
    live.last = last;
    live.ticks = [];
    live.root.className = ["card", data.look || "", data.dense ? "dense" : "", data.bare ? "bare" : ""].join(" ");
    live.root.replaceChildren();
    if (data.title) live.root.append(heading(data, live));
    if (data.say) {
      const say = el("div", "say"), first = el("b");
      if (data.say.g) { const mark = el("span", data.say.s || "none"); mark.append(glyph(data.say.g)); first.append(mark); }
      first.append(el("span", "", data.say.v));
      say.append(first);
      for (const more of data.say.more || []) say.append(el("span", "", more));
      live.root.append(say);
    }
    if (data.rows && data.rows.length) live.root.append(table(data, live, (id) => setTriggerValue("picked", id)));
    for (const name of ["sum", "foot"]) if (data[name]) { const box = el("div", name); box.append(...data[name].map((item) => { const s = el("span"); s.append(part(item, live)); return s; })); live.root.append(box); }
    if (focus >= 0) live.root.querySelectorAll("tr[tabindex]")[focus]?.focus();
    if (left) live.root.querySelector(".scroll").scrollLeft = left;
  }
  const tick = () => {
    live.gone = performance.now() - live.at;
    live.ticks.forEach((age) => age());
  };
  tick();
  clearInterval(live.timer);
  live.timer = live.ticks.length ? setInterval(tick, 1000) : undefined;
  return () => clearInterval(live.timer);
}
