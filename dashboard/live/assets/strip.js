// Newest prices: moves are grey text with a sign, whatever their direction.
function drawStrip({ assets }) {
  if (!assets.length) return h("section", { key: "strip", class: "card px none", "aria-label": "Prices" }, h("p", {}, mark("NO_DATA"), " No price has come yet. The first ones are expected within seconds."));
  return h("section", { key: "strip", class: `card px n${columns(assets.length)}`, "aria-label": "Prices" }, assets.map((a) => h("a", { key: a.asset, href: `/prices?asset=${encodeURIComponent(a.asset)}`, title: `${a.tick}, as of ${day(a.at)} ${utc(a.at)} UTC` },
    h("span", { class: "a" }, mark(a.state, a.state), h("b", {}, a.asset), h("span", {}, since(a.at, true))),
    h("span", { class: "d" }, h("span", { class: "t3" }, a.span), ` ${a.change}`),
    h("span", { class: "p" }, a.price), spark(a.spark))));
}

// As many columns as fill their rows; seven are narrow and get a line more.
const columns = (count) => (count <= 6 ? count : count <= 8 ? 4 : count <= 10 ? 5 : count <= 12 ? 6 : 7);

function spark(runs) {
  return h("svg", { class: "spark", viewBox: "0 0 64 22", width: 64, height: 22, "aria-hidden": "true" }, runs.map((run) => {
    const points = [];
    for (let i = 0; i < run.length; i += 2) points.push(`${(1 + run[i] * 0.062).toFixed(1)},${(1.5 + run[i + 1] * 0.19).toFixed(1)}`);
    return h("polyline", { points: points.join(" "), fill: "none", stroke: "var(--chart)", "stroke-width": 1.4, "stroke-linejoin": "round" });
  }));
}
