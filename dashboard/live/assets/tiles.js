// Six counts that add up to the book, each a link, under one proportional bar.
const FILL = { LIQUIDATION: "--liq-f", MARGIN_CALL: "--call-f", WARNING: "--warn-f", HEALTHY: "--ok-f", NO_DEBT: "--line2", UNKNOWN: "--unk" };

function drawTiles({ tiles }) {
  return h("section", { key: "tiles", class: "card", "aria-label": "Accounts by status" },
    h("div", { class: "dist", "aria-hidden": "true" }, tiles.filter((t) => t.count).map((t) => h("i", { key: t.status, style: { "flex-grow": String(t.count), background: `var(${FILL[t.status]})` } }))),
    h("div", { class: "tiles" }, tiles.map((t) => h("a", { key: t.status, class: t.count ? "tile" : "tile z", href: `/accounts?status=${encodeURIComponent(t.status)}` },
      h("span", { class: `k s-${t.status}` }, mark(t.status), t.status),
      h("span", { class: "n" }, h("span", {}, t.n), h("small", {}, t.note))))));
}
