// Shapes of look.md, 16x16: f = filled with the current colour, s = stroked with it, b = stroked with the ground.
const GLYPHS = {
  HEALTHY: [["f", "M8 3a5 5 0 1 1 0 10 5 5 0 0 1 0-10Z"]],
  WARNING: [["f", "M8 2.2 14.2 13.2H1.8Z"]],
  MARGIN_CALL: [["f", "M8 1.2 14.8 8 8 14.8 1.2 8Z"]],
  LIQUIDATION: [["f", "M2 2h12v12H2Z"], ["b", "M5 5l6 6M11 5l-6 6", 1.8]],
  NO_DEBT: [["s", "M8 3a5 5 0 1 1 0 10 5 5 0 0 1 0-10Z", 1.7]],
  UNKNOWN: [["s", "M8 2a6 6 0 1 1 0 12 6 6 0 0 1 0-12Z", 1.6, "2.6 2.1"],
    ["s", "M6.2 6.4a1.9 1.9 0 1 1 2.7 1.8c-.6.3-.9.6-.9 1.2M8 11.3v.6", 1.4]],
  FRESH: [["f", "M8 2a6 6 0 1 1 0 12 6 6 0 0 1 0-12Z"]],
  LATE: [["s", "M8 2.6a5.4 5.4 0 1 1 0 10.8 5.4 5.4 0 0 1 0-10.8Z", 1.3], ["f", "M8 8V2.6A5.4 5.4 0 1 1 2.6 8Z"]],
  STALE: [["s", "M8 2.6a5.4 5.4 0 1 1 0 10.8 5.4 5.4 0 0 1 0-10.8Z", 1.3], ["f", "M8 8V2.6A5.4 5.4 0 0 1 13.4 8Z"]],
  DEAD: [["s", "M8 2.6a5.4 5.4 0 1 1 0 10.8 5.4 5.4 0 0 1 0-10.8Z", 1.5], ["s", "M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8", 1.6]],
  OK: [["f", "M8 1.4a6.6 6.6 0 1 1 0 13.2A6.6 6.6 0 0 1 8 1.4Z"], ["b", "M4.9 8.2l2.2 2.2 4-4.4", 1.7]],
  WARN: [["f", "M8 2.2 14.2 13.2H1.8Z"], ["b", "M8 6.3v3.3M8 10.9v1.2", 1.5]],
  STALL: [["f", "M3 2.5h3.6v11H3ZM9.4 2.5h3.6v11H9.4Z"]],
  STOP: [["f", "M2.5 2.5h11v11h-11Z"]],
  REWIND: [["f", "M8 3v10L1.5 8ZM14.5 3v10L8 8Z"]],
  NO_DATA: [["s", "M8 2.4a5.6 5.6 0 1 1 0 11.2 5.6 5.6 0 0 1 0-11.2Z", 1.6, "2.6 2.1"]],
  LOST: [["s", "M3 3l10 10M13 3 3 13", 2.4]],
  TOPIC: [["s", "M8 3.6a4.4 4.4 0 1 1 0 8.8 4.4 4.4 0 0 1 0-8.8Z", 1.7]],
  UP: [["s", "M3.5 12.5 12.5 3.5M6 3.5h6.5V10", 1.8]],
  DOWN: [["s", "M3.5 3.5l9 9M12.5 6v6.5H6", 1.8]],
  FLAT: [["s", "M3 8h10", 1.8]],
};
GLYPHS.PASS = GLYPHS.OK;
GLYPHS.PENDING = GLYPHS.NEVER = GLYPHS.NO_DATA;

const SVG = "http://www.w3.org/2000/svg";

function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function glyph(name, size) {
  const svg = draw("svg", { viewBox: "0 0 16 16", class: "g", "aria-hidden": "true" });
  if (size) { svg.setAttribute("width", size); svg.setAttribute("height", size); }
  for (const [kind, d, width, dashes] of GLYPHS[name] || []) {
    const ink = kind === "b" ? "var(--bg)" : "currentColor";
    const path = draw("path", { d, fill: kind === "f" ? ink : "none" });
    if (kind !== "f") { path.setAttribute("stroke", ink); path.setAttribute("stroke-width", width); }
    if (dashes) path.setAttribute("stroke-dasharray", dashes);
    svg.append(path);
  }
  return svg;
}

function el(tag, classes, text) {
  const node = document.createElement(tag);
  if (classes) node.className = classes;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
}

// The only two hues that Streamlit's own theme variables do not carry, by the lightness of the ground.
function tint(root, host) {
  const [r, g, b] = (getComputedStyle(host).getPropertyValue("--st-background-color").match(/[0-9a-f]{2}/gi) || [])
    .map((pair) => parseInt(pair, 16));
  root.dataset.theme = r + g + b > 382 ? "light" : "dark";
}

// An age as the screens write it; below zero (clocks that disagree) it keeps its sign.
function words(ms) {
  const total = Math.floor(Math.abs(ms) / 1000), sign = ms <= -1000 ? "\u2212" : "", pad = (n) => String(n).padStart(2, "0");
  if (total < 60) return `${sign}${total} s`;
  if (total < 3600) return `${sign}${Math.floor(total / 60)} min ${pad(total % 60)} s`;
  if (total < 86400) return `${sign}${Math.floor(total / 3600)} h ${pad(Math.floor((total % 3600) / 60))} min`;
  return `${sign}${Math.floor(total / 86400)} d ${Math.floor((total % 86400) / 3600)} h`;
}
