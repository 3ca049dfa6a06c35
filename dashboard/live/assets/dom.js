// A small patcher: h() describes, patch() makes the page so. Text only ever enters as text nodes, and
// a node that need not change is not touched, so that selection, focus and hover survive every update.
const OF = Symbol("described"), SVG = "http://www.w3.org/2000/svg";

function h(tag, attributes, ...kids) {
  const { key, ...rest } = attributes || {};
  return { tag, key, attributes: rest, kids };
}

const flat = (kids) => kids.flat(Infinity).filter((kid) => kid !== null && kid !== undefined && kid !== false && kid !== "");

function patch(parent, kids) {
  const keyed = new Map(), free = [];
  for (const node of parent.childNodes) {
    const key = node[OF]?.key;
    if (key === undefined) free.push(node);
    else keyed.set(key, node);
  }
  let at = parent.firstChild;
  const kept = new Set();
  for (const kid of flat(kids)) {
    const node = typeof kid === "object" ? element(kid, keyed, free, parent) : words(String(kid), free);
    kept.add(node);
    while (at && kept.has(at) && at !== node) at = at.nextSibling;
    if (at === node) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  for (const node of [...parent.childNodes]) if (!kept.has(node)) node.remove();
}

function words(text, free) {
  const index = free.findIndex((node) => node.nodeType === Node.TEXT_NODE);
  if (index < 0) return document.createTextNode(text);
  const [node] = free.splice(index, 1);
  if (node.data !== text) node.data = text;
  return node;
}

function element(kid, keyed, free, parent) {
  let node;
  if (kid.key !== undefined) {
    node = keyed.get(kid.key);
    keyed.delete(kid.key);
  } else {
    const index = free.findIndex((one) => one[OF]?.tag === kid.tag);
    if (index >= 0) [node] = free.splice(index, 1);
  }
  if (!node || node[OF].tag !== kid.tag) {
    const svg = kid.tag === "svg" || parent.namespaceURI === SVG;
    node = svg ? document.createElementNS(SVG, kid.tag) : document.createElement(kid.tag);
    node[OF] = { tag: kid.tag, attributes: {} };
  }
  dress(node, kid.attributes);
  node[OF] = kid;
  patch(node, kid.kids);
  return node;
}

function dress(node, attributes) {
  const before = node[OF].attributes;
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node[name] = value;
    else if (name === "style") {
      for (const [property, set] of Object.entries(value)) if (before.style?.[property] !== set) node.style.setProperty(property, set);
    } else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (before[name] !== value) node.setAttribute(name, value === true ? "" : value);
  }
  for (const name of Object.keys(before)) {
    if (name in attributes) continue;
    if (name.startsWith("on")) node[name] = null;
    else node.removeAttribute(name);
  }
}

function mark(name, title) {
  const shapes = (GLYPHS[name] || []).map(([kind, d, width, dashes]) => {
    const ink = kind === "b" ? "var(--bg)" : "currentColor";
    const stroke = kind === "f" ? {} : { stroke: ink, "stroke-width": width, "stroke-dasharray": dashes };
    return h("path", { d, fill: kind === "f" ? ink : "none", ...stroke });
  });
  const said = title ? { role: "img", "aria-label": title } : { "aria-hidden": "true" };
  return h("svg", { viewBox: "0 0 16 16", class: `g s-${name}`, ...said }, shapes);
}
