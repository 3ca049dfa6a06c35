// The line: two rows of stations; what is between them is measured, cut or beyond a break.
function drawLine(line) {
  return h("section", { key: "line", class: "card lines", "aria-label": "The line" }, line.rows.map((row) => h("div", { class: "line", key: row.name[1] },
    h("h2", { class: "nm" }, `${row.name[0]} `, h("br"), row.name[1]),
    h("ol", { class: "stn" }, row.stations.map(station)))));
}

function station(s) {
  const classes = ["st", s.cut && "cut", s.culprit && "culprit", s.down && "down", s.dotted && "dotted"].filter(Boolean).join(" ");
  const said = s.topic ? "topic" : s.down ? "beyond the break, not judged" : s.state.replace("_", " ");
  return h("li", { class: classes, key: s.key },
    h("div", { class: s.topic ? "hd mono" : "hd", title: s.title }, s.title),
    h("div", { class: "tr" }, h("span", { class: "dot" }, mark(s.state, said)), h("span", { class: "hop", title: s.hop_title || null }, s.hop)),
    h("div", { class: "ft" }, print(s.foot)));
}
