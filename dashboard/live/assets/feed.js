// One event stream for the whole page, whatever number of components listen. It is let go while the
// tab is hidden, since a browser gives one host six connections for all its tabs.
const BLIND_MS = 5000;

function makeFeed() {
  const feed = { sections: {}, market: { replay: false }, offset: 0, version: 0, listeners: new Set() };
  let source = null, heard = performance.now(), heardAt = Date.now(), retry = null, timer = null;

  const hear = (now) => {
    heard = performance.now();
    if (typeof now === "number") feed.offset = now - Date.now();
    heardAt = Date.now() + feed.offset;
  };
  const tell = () => feed.listeners.forEach((listener) => listener());

  function open() {
    if (source || document.hidden || !feed.listeners.size) return;
    source = new EventSource("/api/live");
    source.addEventListener("board", (event) => {
      const board = JSON.parse(event.data);
      hear(board.now);
      feed.market = board.market;
      feed.version = Number(event.lastEventId);
      Object.assign(feed.sections, board.sections);
      tell();
    });
    source.addEventListener("beat", (event) => hear(JSON.parse(event.data).now));
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        retry = setTimeout(open, 1500);
      }
    };
  }
  function close() {
    clearTimeout(retry);
    if (source) source.close();
    source = null;
  }

  feed.now = () => Date.now() + feed.offset;
  feed.marketNow = () => {
    const m = feed.market;
    if (!m.replay || m.as_of === null) return feed.now();
    return m.ended ? m.as_of : m.as_of + (feed.now() - m.seen_at) * m.speed;
  };
  feed.blind = () => performance.now() - heard > BLIND_MS;
  feed.since = () => heardAt;
  feed.listen = (listener) => {
    feed.listeners.add(listener);
    if (feed.listeners.size === 1) {
      heard = performance.now();
      timer = setInterval(tell, 1000);
    }
    open();
    return () => {
      feed.listeners.delete(listener);
      if (feed.listeners.size) return;
      clearInterval(timer);
      close();
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else {
      heard = performance.now();
      open();
      tell();
    }
  });
  return feed;
}

const FEED = (window.__fusionFeed ??= makeFeed());

// Mounts a drawing function on a component's root; Streamlit calls the default export again with
// every theme change, and its cleanup once, at the end.
const MOUNTED = new WeakMap();

function mount(parentElement, name, draw) {
  let held = MOUNTED.get(parentElement);
  if (!held) {
    const root = document.createElement("div");
    root.className = `root ${name}-root`;
    parentElement.append(root);
    held = { root };
    held.draw = () => draw(held);
    held.stop = FEED.listen(held.draw);
    MOUNTED.set(parentElement, held);
  }
  tint(held.root, parentElement.host ?? parentElement);
  held.draw();
  return () => {
    MOUNTED.delete(parentElement);
    held.stop();
    held.root.remove();
  };
}
