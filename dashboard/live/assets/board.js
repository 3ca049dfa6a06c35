// The Overview: every section under one root, so that the whole page is one grid.
function card(key, title, sub, end, ...body) {
  return h("section", { key, class: `card c-${key}`, "aria-label": title },
    h("header", { class: "ch" }, h("h2", {}, title), sub && h("span", { class: "sub" }, sub), end && h("span", { class: "end" }, end)), h("div", { class: "cb" }, body));
}

const bars = (key, count) => h("section", { key, class: "card", "aria-busy": "true" }, h("div", { class: "sk" }, Array.from({ length: count }, (_, i) => h("i", { style: { width: `${38 + ((i * 29) % 50)}%` } }))));

function drawBoard(held) {
  const s = FEED.sections, deaf = FEED.blind(), blind = deaf || s.verdict?.level === "blind";
  held.root.classList.toggle("blind", blind);
  held.root.classList.toggle("deaf", deaf);
  if (!s.line) return patch(held.root, [h("div", { class: "board" }, bars("a", 4), bars("b", 3), bars("c", 6))]);
  patch(held.root, [h("div", { class: "board" }, drawLine(s.line), s.tiles.tiles.length ? drawTiles(s.tiles) : null, drawStrip(s.strip),
    h("div", { key: "lower", class: "lower" }, drawAccounts(held, s.accounts, blind),
      h("div", { key: "two", class: "stack" }, drawDue(s.due), drawChanges(held, s.changes), s.book.curve && drawCurve(s.book.curve)),
      s.book.curve && h("div", { key: "three", class: "stack" }, drawHistogram(s.book.histogram), drawAssets(s.book.assets), drawLargest(s.book.largest))))]);
}

export default function ({ parentElement }) {
  return mount(parentElement, "board", drawBoard);
}
