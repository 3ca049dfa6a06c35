// Boxes are services, pills are topics, the border is the state. Text only ever enters as textContent.
const STATE = { ok: "var(--line2)", none: "var(--line2)", warn: "var(--warn-f)", call: "var(--call-f)", liq: "var(--liq-f)" };
const PATH = { ok: "var(--tx3)", none: "var(--line2)", warn: "var(--warn-f)", call: "var(--call-f)", liq: "var(--liq-f)" };

function fitted(text, room, wide) {
  const most = Math.floor(room / wide);
  return text.length > most ? `${text.slice(0, most - 1)}\u2026` : text;
}

function box(node) {
  const group = draw("g", {}), state = node.tone || "ok";
  const rect = draw("rect", { x: node.x, y: node.y, width: node.w, height: 44, rx: node.topic ? 20 : 5, fill: "var(--surf)", stroke: STATE[state], "stroke-width": state === "ok" || state === "none" ? 1 : 1.8 });
  if (node.glyph === "NO_DATA") rect.setAttribute("stroke-dasharray", "4 3");
  const mark = glyph(node.glyph, 15);
  mark.setAttribute("x", node.x + 10);
  mark.setAttribute("y", node.y + 14);
  mark.setAttribute("class", node.topic ? "t2" : state);
  const name = draw("text", { x: node.x + 32, y: node.y + 20, class: node.topic ? "name mono" : "name" });
  name.textContent = node.name;
  const note = draw("text", { x: node.x + 32, y: node.y + 35 }), title = draw("title", {});
  note.textContent = fitted(node.note, node.w - 42, 5.4);
  title.textContent = `${node.name}: ${node.note}`;
  group.append(title, rect, mark, name, note);
  return group;
}

function way(edge, nodes) {
  const group = draw("g", {}), from = nodes[edge.from], to = nodes[edge.to], ink = PATH[edge.tone || "ok"];
  const centre = from.x + from.w / 2, down = to.y > from.y && centre > to.x && centre < to.x + to.w;
  const [x1, y1] = down ? [centre, from.y + 44] : [from.x + from.w, from.y + 22];
  const [x2, y2] = down ? [centre, to.y - 5] : [to.x - 5, to.y + 22];
  const middle = (x1 + x2) / 2;
  const path = draw("path", { d: `M${x1} ${y1}C${down ? x1 : middle} ${y1} ${down ? x2 : middle} ${y2} ${x2} ${y2}`, fill: "none", stroke: ink, "stroke-width": edge.tone && edge.tone !== "ok" && edge.tone !== "none" ? 2 : 1.3 });
  if (edge.tone === "none") path.setAttribute("stroke-dasharray", "3 4");
  if (edge.tone === "liq") path.setAttribute("stroke-dasharray", "5 4");
  const head = down ? `M${x2 - 3.5} ${y2 - 1}l3.5 6 3.5-6z` : `M${x2 - 1} ${y2 - 3.5}l6 3.5-6 3.5z`;
  group.append(path, draw("path", { d: head, fill: ink }));
  if (edge.label) {
    const y = (y1 + y2) / 2, wide = edge.label.length * 5.6 + 10;
    const text = draw("text", { x: middle, y: y + 4, "text-anchor": "middle", class: edge.tone || "" });
    text.textContent = edge.label;
    group.append(draw("rect", { x: middle - wide / 2, y: y - 8, width: wide, height: 16, fill: "var(--bg)" }), text);
  }
  return group;
}

export default function ({ data, parentElement }) {
  let root = parentElement.querySelector(".scroll");
  if (!root) { root = el("div", "scroll"); parentElement.append(root); }
  tint(root, parentElement.host ?? parentElement);
  const svg = draw("svg", { class: "topo", viewBox: `0 0 ${data.width} ${data.height}`, role: "img", "aria-label": data.alt });
  const nodes = Object.fromEntries(data.nodes.map((node) => [node.id, node]));
  svg.append(...data.edges.map((edge) => way(edge, nodes)), ...data.nodes.map((node) => box(node)));
  root.replaceChildren(svg);
}
