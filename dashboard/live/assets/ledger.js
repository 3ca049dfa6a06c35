// Due against done, and who changed band since this reader last looked.
function drawDue(due) {
  return card("due", "Due against done", due.window, due.end,
    h("div", { class: "flow" }, due.cells.map((c) => h("div", { key: c.k }, h("div", { class: "k" }, c.k), h("div", { class: c.bad ? "n s-LOST" : "n" }, c.n), h("div", { class: "f" }, c.f)))),
    h("p", { class: "foot" }, due.words));
}

// The last look is the last time an Overview was in view in this browser, unless that was just now.
const LOOKED = "fusion.overview.seen", GAP_MS = 60000;
function lastLook() {
  try {
    const seen = Number(localStorage.getItem(LOOKED)) || null;
    return seen && Date.now() - seen > GAP_MS ? seen : Number(sessionStorage.getItem(LOOKED)) || seen;
  } catch { return null; }
}
function looking(held) {
  if (document.hidden) return;
  try {
    if (held.look === undefined) {
      held.look = lastLook();
      if (held.look) sessionStorage.setItem(LOOKED, String(held.look));
    }
    localStorage.setItem(LOOKED, String(Date.now()));
  } catch { held.look = null; }
}

function drawChanges(held, changes) {
  looking(held);
  const look = held.look && held.look > changes.began ? held.look : null;
  const rows = look ? changes.rows.filter((row) => row.at > look) : changes.rows;
  const from = look ? `since ${utc(look).slice(0, 5)} UTC` : `since start, ${utc(changes.began).slice(0, 5)} UTC`;
  const count = `${rows.length}${rows.length === changes.rows.length && changes.more ? "+" : ""} ${rows.length === 1 ? "transition" : "transitions"}`;
  const body = rows.length ? h("ol", { class: "ev" }, rows.slice(0, 40).map((row) => h("li", { key: row.id },
    h("time", { title: `${day(row.at)} ${utc(row.at)} UTC, ${local(row.at)}` }, row.clock),
    h("span", {}, h("a", { class: "id mono", href: `/accounts?account=${encodeURIComponent(row.user)}` }, row.user), " ", row.before && mark(row.before, row.before), row.before && " to ", badge(row.after)),
    h("span", { class: "t2 cause", title: row.cause }, row.cause))))
    : h("p", { class: "em" }, h("b", {}, "No account changed its band."), " Quiet, as expected: our own score found no transition.");
  return card("changes", "Changes since your last look", from, count, body);
}
