// The table of accounts. While the pointer is over it, or the focus in it, rows keep their places.
const EDGE = { LIQUIDATION: "--liq-f", MARGIN_CALL: "--call-f", WARNING: "--warn-f", HEALTHY: "--ok-f" };

function ruler(at, section) {
  const width = 120, scale = width / section.top, edges = [0, ...section.bounds, section.top];
  const bars = Object.values(EDGE).map((fill, i) => h("i", { style: { left: `${edges[i] * scale + 0.75}px`, width: `${(edges[i + 1] - edges[i]) * scale - 1.5}px`, background: `var(${fill})` } }));
  const where = Math.max(0, Math.min(section.top, at)) * scale - 1.25;
  return h("span", { class: "band", "aria-hidden": "true" }, bars, h("u", { style: { left: `${where.toFixed(1)}px` } }));
}

const badge = (status, said) => h("span", { class: `bdg s-${said ? "UNKNOWN" : status}` }, mark(said ? "UNKNOWN" : status), `${status}${said ? "?" : ""}`);
const cell = (text, classes) => h("td", { class: classes }, text);
const head = (text, classes, title) => h("th", { class: classes || null, scope: "col", title: title || null }, text);

function accountRow(row, section, blind) {
  const untold = section.mode === "not_told";
  return h("tr", { key: row.user }, h("td", { class: "mono" }, h("a", { class: "id", href: `/accounts?account=${encodeURIComponent(row.user)}` }, row.user)),
    h("td", {}, badge(row.status, blind)), h("td", { class: "r" }, h("b", {}, row.score), row.at === null ? "" : " %"),
    h("td", { class: "hm" }, row.at === null ? "" : ruler(row.at, section)),
    untold ? cell(row.silent === null ? "\u2013" : since(row.silent, false), "r") : cell(`${row.distance} pp`, "r"),
    !untold && cell(row.move, "r hm"), cell(row.collateral, "r hm"), cell(row.borrow, "r hm"),
    untold && cell(row.repay, "r hm"), cell(row.told, "hm t2 wc"));
}

function frozen(held, section) {
  if (!held.over || !held.shown || held.shown.mode !== section.mode) return (held.shown = section);
  const fresh = new Map(section.rows.map((row) => [row.user, row]));
  return { ...section, rows: held.shown.rows.map((row) => fresh.get(row.user) || row) };
}

function drawAccounts(held, arrived, blind) {
  if (arrived.mode === "empty") return card("accounts", "Nearest to the next band", "", null, h("p", { class: "em" }, h("b", {}, "No account is scored yet."), " Scores appear with the first complete set of prices."));
  if (!arrived.rows.length) return card("accounts", arrived.title, "", null, h("p", { class: "em" }, h("b", {}, "No account has a score."), " Accounts whose prices are too old are UNKNOWN; those without debt have none."));
  const section = frozen(held, arrived), untold = section.mode === "not_told";
  const enter = () => { held.over = true; }, leave = () => { held.over = false; held.draw(); };
  const end = untold ? h("a", { href: "/alerts" }, "Call list") : h("a", { href: "/accounts" }, `All ${section.total.toLocaleString("en-US")} accounts`);
  return card("accounts", section.title, section.sub, end,
    h("table", { onmouseenter: enter, onmouseleave: leave, onfocusin: enter, onfocusout: leave, "aria-label": section.title },
      h("thead", {}, h("tr", {}, head("Account"), head("Status"), head("Score", "r", "100 × (C − B) / B, floored"), head([0, ...section.bounds].join(" · "), "hm", "Where the score stands among the bands, in percent"),
        untold ? head("Silent for", "r", "Since our own score says an alert was due") : head("Distance", "r", "Points of score above the next lower band"),
        !untold && head("All prices", "r hm", "Move of all collateral prices that reaches the next lower band"),
        head("Collateral, USD", "r hm", "Counted collateral C, floored"), head("Borrow, USD", "r hm", "Debt B, ceiled"),
        untold && head(section.repay, "r hm", "USD to repay from outside, ceiled"), head("Last alert", "hm wc"))),
      h("tbody", {}, section.rows.map((row) => accountRow(row, section, blind)))));
}
