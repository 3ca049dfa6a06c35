// The head of an account. Text only ever enters as textContent.
const LIVE = new WeakMap();

function ruler(data) {
  const box = el("div", "ruler");
  data.bands.forEach(([name, tone, from, to], i) => {
    const band = el("i", name), label = el("span", tone);
    Object.assign(band.style, { left: `${from * 100}%`, width: `calc(${(to - from) * 100}% - 2px)` });
    label.style.left = `${(from + to) * 50}%`;
    label.append(glyph(name), el("span", "", name));
    box.append(band, label);
    if (i) { const edge = el("em", "", data.edges[i - 1]); edge.style.left = `${from * 100}%`; box.append(edge); }
  });
  if (data.mark !== null) { const mark = el("u"); mark.style.left = `${data.mark * 100}%`; box.append(mark); }
  return box;
}

function fact([name, value], live) {
  const dd = el("dd");
  if (typeof value === "string") dd.textContent = value;
  else live.ticks.push(() => {
    const gone = performance.now() - live.at;
    dd.textContent = words((value.m ? live.data.market + gone * live.data.speed : live.data.now + gone) - value.at) + (value.after || "");
  });
  return [el("dt", "", name), dd];
}

export default function ({ data, parentElement }) {
  let live = LIVE.get(parentElement);
  if (!live) {
    live = { root: el("section", "hero") };
    LIVE.set(parentElement, live);
    parentElement.append(live.root);
  }
  tint(live.root, parentElement.host ?? parentElement);
  if (!live.data || live.data.now !== data.now) live.at = performance.now(); // called again with old data, ages go on
  Object.assign(live, { data, ticks: [] });
  const who = el("div"), score = el("div"), middle = el("div"), facts = el("div"), number = el("div", "score", data.score), pill = el("span", `pill ${data.tone}`), list = el("dl");
  who.append(el("small", "", "Account"), el("span", "who", data.account), el("small", "", data.book));
  number.append(el("i", "", data.unit));
  pill.append(glyph(data.status), el("span", "", data.says));
  score.append(number, pill);
  middle.append(ruler(data));
  list.append(...data.facts.flatMap((item) => fact(item, live)));
  facts.append(list);
  live.root.replaceChildren(who, score, middle, facts);
  const tick = () => live.ticks.forEach((age) => age());
  tick();
  clearInterval(live.timer);
  live.timer = setInterval(tick, 1000);
  return () => clearInterval(live.timer);
}
