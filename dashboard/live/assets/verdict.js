// The verdict bar: may this screen be trusted, and what is the worst thing on it.
function clock() {
  const v = FEED.sections.verdict, m = FEED.market, replay = m.replay && m.as_of !== null;
  const at = replay ? FEED.marketNow() : FEED.now();
  return h("div", { class: "clock", title: local(at) }, h("dt", {}, replay ? "Recorded, UTC" : "UTC"),
    h("dd", {}, replay ? `${day(at)} ${utc(at).slice(0, 5)}` : utc(at)), h("small", {}, v ? v.env : ""));
}

function ageCell(one, blind) {
  const title = one.at === null ? "" : `${day(one.at)} ${utc(one.at)} UTC`;
  return h("div", { key: one.label, title }, h("dt", {}, one.label),
    h("dd", {}, mark(blind ? "UNKNOWN" : one.state, one.state), h("span", {}, one.at === null ? "never" : since(one.at, one.m))),
    h("small", {}, one.note));
}

// Everything a colleague needs, as text: the verdict, what lies beyond a break, the counts, the worst.
function handOver() {
  const { verdict: v, tiles, accounts, line } = FEED.sections, now = FEED.now();
  const out = [`Fusion Prime control room, ${day(now)} ${utc(now)} UTC, ${v.env}`, v.sentence, v.evidence];
  if (v.remedy) out.push(`Remedy: ${v.remedy}`);
  for (const one of v.ages) out.push(`${one.label}: ${one.state}, ${one.at === null ? "never" : since(one.at, one.m)}, ${one.note}`);
  const beyond = (line?.rows || []).flatMap((row) => row.stations.filter((s) => s.down).map((s) => s.title));
  if (beyond.length) out.push(`Beyond the break: ${beyond.join(", ")}`);
  if (tiles?.tiles.length) out.push(tiles.tiles.map((t) => `${t.status} ${t.n}`).join(", "));
  for (const row of (accounts?.rows || []).slice(0, 10)) out.push(`${row.user} ${row.status} ${row.score} %, collateral ${row.collateral}, borrow ${row.borrow} USD`);
  return out.slice(0, 30).join("\n");
}

function copy(held, what, text) {
  navigator.clipboard?.writeText(text).then(() => {
    held.copied = what;
    held.draw();
    setTimeout(() => { held.copied = null; held.draw(); }, 2000);
  });
}

function fold(held, v) {
  if (!v.remedy && !v.folded) return null;
  const beyond = (FEED.sections.line?.rows || []).flatMap((row) => row.stations.filter((s) => s.down).map((s) => s.title));
  return h("div", { key: "fold", class: "fold" },
    v.remedy && [h("span", {}, "Remedy"), h("code", {}, v.remedy),
      h("button", { class: "btn", type: "button", key: "copy", onclick: () => copy(held, "remedy", v.remedy) }, held.copied === "remedy" ? "Copied" : "Copy")],
    h("span", { class: "x" },
      v.folded > 0 && h("button", { class: "btn", type: "button", key: "folded", "aria-expanded": String(!!held.open), onclick: () => { held.open = !held.open; held.draw(); } },
        `${v.folded} ${v.folded === 1 ? "consequence" : "consequences"} folded`),
      h("a", { class: "btn", key: "evidence", href: "/pipeline" }, "Evidence"),
      h("button", { class: "btn", type: "button", key: "hand", onclick: () => copy(held, "hand", handOver()) }, held.copied === "hand" ? "Copied" : "Copy hand-over")),
    held.open && beyond.length > 0 && h("span", { class: "list" }, `Beyond the break, not judged: ${beyond.join(", ")}.`));
}

function evidence(v) {
  const at = v.who ? v.evidence.indexOf(v.who) : -1;
  if (at < 0) return v.evidence;
  return [v.evidence.slice(0, at), h("a", { class: "who", href: `/accounts?account=${encodeURIComponent(v.who)}` }, v.who), v.evidence.slice(at + v.who.length)];
}

function drawVerdict(held) {
  const v = FEED.sections.verdict, blind = FEED.blind(), m = FEED.market, replay = m.replay && m.as_of !== null;
  if (blind) {
    const t = utc(FEED.since());
    say(held, "screen", `This screen has been blind since ${t} UTC.`);
    return patch(held.root, [h("section", { key: "v", class: "verdict blind", "aria-label": "Verdict" },
      h("div", { class: "lamp" }, mark("UNKNOWN")),
      h("div", { class: "vt" }, h("h1", {}, `This screen has been blind since ${t}.`),
        h("p", {}, `No word from this dashboard's own server for ${lasting(FEED.now() - FEED.since())}. Nothing below is current; it recovers by itself.`)),
      h("dl", { class: "ages" }, (v?.ages || []).map((one) => ageCell(one, true)), clock())), status(held)]);
  }
  if (!v) {
    return patch(held.root, [h("section", { key: "v", class: "verdict", "aria-label": "Verdict" }, h("div", { class: "lamp" }, mark("NO_DATA")),
      h("div", { class: "vt" }, h("h1", {}, "Reading the control room."), h("p", {}, "The first figures are on their way.")), h("dl", { class: "ages" }, clock()))]);
  }
  say(held, v.code, v.sentence);
  const at = FEED.marketNow();
  patch(held.root, [h("section", { key: "v", class: `verdict ${v.level}${replay ? " replay" : ""}`, "aria-label": "Verdict", "data-code": v.code },
    replay && h("span", { class: "tag", key: "tag" }, `REPLAY ${day(at)} ${utc(at)} UTC${m.ended ? ", ended" : ""}`),
    h("div", { class: "lamp", key: "lamp" }, mark(v.glyph)),
    h("div", { class: "vt", key: "vt" }, h("h1", { key: v.code }, v.sentence), h("p", {}, evidence(v))),
    h("dl", { class: "ages", key: "ages" }, v.ages.map((one) => ageCell(one, v.level === "blind")), clock()),
    fold(held, v)), status(held)]);
}

// Read out when the finding changes, not whenever an age in its sentence does.
function say(held, code, sentence) {
  if (held.code !== code) {
    held.code = code;
    held.said = sentence;
  }
}
const status = (held) => h("p", { key: "status", class: "unseen", role: "status" }, held.said);

export default function ({ parentElement }) {
  return mount(parentElement, "verdict", drawVerdict);
}
