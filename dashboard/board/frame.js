// Draws over the keyed container it stands in: a border, a tag, a watermark or a hatch. It takes no clicks.
const LIVE = new WeakMap();
let serial = 0;

function watermark(text) {
  const id = `mark-${++serial}`, svg = draw("svg", { class: "mark", "aria-hidden": "true" });
  const pattern = draw("pattern", { id, width: 240, height: 130, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-18)" });
  const words = draw("text", { x: 8, y: 60, fill: "currentColor", "font-size": 19, "font-weight": 600, "letter-spacing": 2 });
  words.textContent = text;
  pattern.append(words);
  svg.append(pattern, draw("rect", { width: "100%", height: "100%", fill: `url(#${id})` }));
  return svg;
}

export default function ({ data, parentElement }) {
  const host = parentElement.host ?? parentElement, target = host.closest(`.st-key-${data.over}`);
  let live = LIVE.get(parentElement);
  if (!live) {
    live = { box: el("div") };
    LIVE.set(parentElement, live);
    parentElement.append(live.box);
    live.observer = new ResizeObserver(() => live.fit());
    if (target) live.observer.observe(target);
  }
  tint(live.box, host);
  live.box.className = `frame ${data.kind}`;
  live.box.replaceChildren();
  clearInterval(live.timer);
  if (data.kind === "hypothetical") {
    const note = el("span", "note");
    if (live.now !== data.now) Object.assign(live, { now: data.now, at: performance.now() });
    const tick = () => { note.textContent = data.note.replace("{age}", words(data.now - data.since + performance.now() - live.at)); };
    tick();
    live.timer = setInterval(tick, 1000);
    live.box.append(watermark(data.tag), el("span", "tag", data.tag), note);
  }
  if (data.kind === "test") {
    const strip = el("div", "strip");
    strip.append(el("b", "test", data.tag), el("span", "t2", data.note), el("span", "t2 end", data.end));
    live.box.append(strip);
  }
  live.fit = () => {
    if (!target) return;
    const outer = target.getBoundingClientRect(), inner = (live.box.offsetParent ?? host).getBoundingClientRect();
    Object.assign(live.box.style, { left: `${outer.left - inner.left}px`, top: `${outer.top - inner.top}px`, width: `${outer.width}px`, height: `${outer.height}px` });
  };
  live.fit();
  return () => { live.observer.disconnect(); clearInterval(live.timer); };
}
