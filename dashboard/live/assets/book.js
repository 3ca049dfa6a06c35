// The book as a whole: drop curve, histogram, concentration.
const label = (x, y, text, anchor, extra) => h("text", { x, y, "text-anchor": anchor || "middle", ...extra }, text);

function drawCurve(curve) {
  const left = 56, right = 612, top = 10, foot = 206;
  const x = (percent) => left + (right - left) * percent / 40, y = (value) => foot - (foot - top) * value / curve.top;
  return card("curve", "Collateral in LIQUIDATION by price drop", "USD at present prices, all collateral falls alike", `${curve.twenty} at −20 %`,
    h("svg", { class: "chart", viewBox: "0 0 640 230", role: "img", "aria-label": `Collateral in LIQUIDATION: now ${curve.now} USD, after a fall of 20 percent ${curve.twenty} USD` },
      curve.ticks.map(([value, text]) => [h("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "var(--line)" }), label(left - 8, y(value) + 4, text, "end")]),
      [0, 10, 20, 30, 40].map((percent) => label(x(percent), foot + 18, percent ? `−${percent} %` : "0 %")),
      h("polyline", { points: curve.points.map(([p, v]) => `${x(p).toFixed(1)},${y(v).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--chart)", "stroke-width": 1.6, "stroke-linejoin": "round" })));
}

function drawHistogram(bars) {
  const left = 40, right = 634, top = 10, foot = 206, count = bars.bars.length, step = (right - left) / count;
  const x = (score) => left + (score / bars.bin) * step, y = (n) => foot - (foot - top) * Math.min(n / bars.most, 1.02);
  const ticks = [...new Set([0, Math.ceil(bars.most / 2), bars.most])];
  return card("histogram", "Scores", `${bars.scored} scored accounts, ${bars.bin} pp bins`, bars.below ? `${bars.below} below 0 %, in the first bar` : null,
    h("svg", { class: "chart", viewBox: "0 0 640 230", role: "img", "aria-label": "Histogram of scores" },
      ticks.map((n) => [h("line", { x1: left, x2: right, y1: y(n), y2: y(n), stroke: "var(--line)" }), label(left - 8, y(n) + 4, n.toLocaleString("en-US"), "end")]),
      bars.bars.map(([score, n, band]) => n > 0 && h("rect", { key: `b${score}`, x: x(score) + 0.6, width: step - 1.2, y: y(n), height: Math.max(1, foot - y(n)), fill: `var(${FILL[band]})` })),
      bars.over && [h("path", { d: `M${x(bars.last) - 2} ${top + 18}l${step + 4} -6`, stroke: "var(--bg)", "stroke-width": 4 }), label(x(bars.last) - 6, top + 9, bars.over, "end")],
      bars.bounds.map((bound) => [h("line", { x1: x(bound), x2: x(bound), y1: top, y2: foot, stroke: "var(--tx3)", "stroke-dasharray": "2 3" }), label(x(bound), foot + 18, `${bound}`)]),
      [100, 150].map((score) => label(x(score), foot + 18, `${score}`)), label(x(bars.last) + step / 2, foot + 18, `${bars.last}+`, "end")));
}

function drawAssets(assets) {
  return card("assets", "Concentration by asset", `of ${assets.total}`, null, h("table", {},
    h("thead", {}, h("tr", {}, head("Asset"), head("Accounts", "r"), head("Collateral", "r"), head("Share"), head("", "r"), head("Borrowed", "r"))),
    h("tbody", {}, assets.rows.map((row) => h("tr", { key: row.asset }, h("td", {}, h("b", { class: "w5" }, row.asset)), cell(row.accounts, "r"), cell(row.collateral, "r"),
      h("td", {}, h("span", { class: "share", style: { width: `${row.share * 3}px` } })), cell(`${row.share.toFixed(1)} %`, "r"), cell(row.borrowed, "r t2"))))));
}

function drawLargest(rows) {
  return card("largest", "Largest accounts", "by collateral", null, h("table", {},
    h("thead", {}, h("tr", {}, head("Account"), head("Status"), head("Collateral", "r"), head("Share", "r"))),
    h("tbody", {}, rows.map((row) => h("tr", { key: row.user }, h("td", { class: "mono" }, h("a", { class: "id", href: `/accounts?account=${encodeURIComponent(row.user)}` }, row.user)),
      h("td", {}, badge(row.status)), cell(row.collateral, "r"), cell(row.share, "r"))))));
}
