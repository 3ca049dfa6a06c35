// Ages and clocks: counted here, every second, from moments on the server's or the market's clock.
const two = (n) => String(n).padStart(2, "0");

function lasting(ms) {
  const total = Math.floor(Math.abs(ms) / 1000), sign = ms <= -1000 ? "\u2212" : "";
  if (total < 60) return `${sign}${total} s`;
  if (total < 3600) return `${sign}${Math.floor(total / 60)} min ${two(total % 60)} s`;
  if (total < 86400) return `${sign}${Math.floor(total / 3600)} h ${two(Math.floor((total % 3600) / 60))} min`;
  return `${sign}${Math.floor(total / 86400)} d ${Math.floor((total % 86400) / 3600)} h`;
}

const utc = (ms) => new Date(ms).toISOString().slice(11, 19);
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const local = (ms) => `${new Date(ms).toLocaleString()} local time`;
// A moment just ahead of us is a clock that was read a little earlier, not a skew.
const since = (at, market) => lasting(Math.max(0, (market ? FEED.marketNow() : FEED.now()) - at));

function aged(span) {
  if (span.at === undefined || span.at === null) return span.t ?? "never";
  return since(span.at, span.m);
}

// A line of small print: words, states, ages.
const print = (spans) => spans.map((s) => (s.s ? h("b", { class: `s-${s.s}` }, s.t) : s.at !== undefined
  ? h(s.b ? "b" : "span", { title: `${day(s.at)} ${utc(s.at)} UTC`, class: "nw" }, aged(s)) : h("span", {}, s.t)));
