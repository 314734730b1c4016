"use strict";
// Keeps an open page as the server would render it now. Everything works without this file too.
(() => {
  const rendered = new WeakMap(); // element -> how the server rendered it, before this file touched it
  const QUIET = 250; // milliseconds without typing after which a search is asked
  const PAUSE = 300; // milliseconds at least between two refreshes
  const live = document.getElementById("live");
  const filters = document.getElementById("filters");
  let revision = document.body.dataset.revision;
  let stream = null;

  const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const pieces = (list) => (list ? [...list.children] : []);

  // Bring what is new into the page, and leave alone what is not: focus, selection and scrolling stay.

  function remember(root) {
    for (const element of root.querySelectorAll("[data-live], #timeline > li")) {
      rendered.set(element, element.outerHTML);
    }
  }

  function enhance(root) {
    for (const hidden of root.querySelectorAll("button.copy, .keys")) hidden.hidden = false;
    tellTimes(root);
  }

  function imported(element) {
    const node = document.importNode(element, true);
    rendered.set(node, element.outerHTML);
    for (const inner of node.querySelectorAll("#timeline > li")) rendered.set(inner, inner.outerHTML);
    enhance(node);
    return node;
  }

  function updateList(list, fresh) {
    const known = new Map(pieces(list).map((item) => [item.id, item]));
    let unknown = 0;
    pieces(fresh).forEach((item, index) => {
      let node = known.get(item.id);
      if (!node || rendered.get(node) !== item.outerHTML) {
        const former = node;
        node = imported(item);
        if (former) former.remove();
        else {
          node.classList.add("new");
          unknown += 1;
        }
      }
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null);
    });
    while (list.children.length > fresh.children.length) list.lastElementChild.remove();
    return unknown;
  }

  function update(page) {
    const focused = document.activeElement && document.activeElement.id;
    const open = [...document.querySelectorAll("details[open]")].map((element) => element.id);
    let unknown = 0;
    for (const element of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(element.id);
      if (!fresh || rendered.get(element) === fresh.outerHTML) continue;
      const list = element.querySelector("#timeline");
      const freshList = fresh.querySelector("#timeline");
      if (list && freshList) {
        unknown += updateList(list, freshList);
        rendered.set(element, fresh.outerHTML);
      } else {
        element.replaceWith(imported(fresh));
      }
    }
    document.title = page.title;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused && document.activeElement.id !== focused) {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
    if (unknown) document.getElementById("announce").textContent = `${unknown} new`;
  }

  // One refresh at a time; what happens during one is shown by the next.

  let refreshing = false;
  let again = false;

  async function refresh() {
    again = true;
    if (refreshing) return;
    refreshing = true;
    while (again) {
      again = false;
      const address = location.href;
      try {
        const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (answer.ok && address === location.href) update(page);
        else if (answer.status === 404) gone(page);
      } catch {
        break; // the server is away: the stream tells when it is back
      }
      await sleep(PAUSE);
    }
    refreshing = false;
  }

  function gone(page) {
    document.getElementById("main").replaceWith(document.importNode(page.getElementById("main"), true));
  }

  // News from the server. A page that nobody looks at does not keep a connection.

  function show(state, words) {
    live.hidden = false;
    live.className = `live ${state}`;
    live.lastElementChild.textContent = words;
  }

  function listen() {
    if (stream || document.hidden) return;
    stream = new EventSource("/live");
    stream.onopen = () => show("on", "Live");
    stream.onmessage = (event) => {
      if (event.data === revision) return;
      revision = event.data;
      refresh();
    };
    stream.onerror = () => {
      show("off", "Reconnecting");
      if (stream && stream.readyState === EventSource.CLOSED) {
        hush();
        setTimeout(listen, 3000);
      }
    };
  }

  function hush() {
    stream?.close();
    stream = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", listen);

  // Times as a person says them.

  function ago(milliseconds) {
    const seconds = Math.round(milliseconds / 1000);
    if (seconds < 5) return "just now";
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    return null;
  }

  // The server may live in another time zone, in a container for one.
  function clock(moment) {
    const time = moment.toLocaleTimeString("en-GB");
    if (moment.toDateString() === new Date().toDateString()) return time;
    return `${moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
  }

  function tellTimes(root) {
    for (const element of root.querySelectorAll("time")) {
      const moment = new Date(element.dateTime);
      const words = element.classList.contains("ago") ? ago(Date.now() - moment) : null;
      element.textContent = words ?? clock(moment);
      element.title = moment.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
    }
  }

  // Filters live in the address.

  if (filters) {
    let waiting = 0;
    const apply = () => {
      const asked = new URLSearchParams();
      for (const [name, value] of new FormData(filters)) {
        if (value.trim() && !(name === "show" && value === "all")) asked.append(name, value.trim());
      }
      const query = asked.toString();
      history.replaceState(null, "", query ? `/?${query}` : "/");
      refresh();
    };
    filters.addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(apply, event.target.name === "q" ? QUIET : 0);
    });
    filters.addEventListener("submit", (event) => {
      event.preventDefault();
      apply();
    });
  }

  // Copying.

  async function copy(button) {
    const target = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(target.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(target);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  // Keys: j and k walk through the list, / searches, Escape leaves the search.

  function walk(step) {
    const ways = [...document.querySelectorAll("#timeline a.to")];
    const at = ways.indexOf(document.activeElement);
    ways[at < 0 ? 0 : Math.min(Math.max(at + step, 0), ways.length - 1)]?.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input[type=search], textarea");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/" && filters) {
      event.preventDefault();
      document.getElementById("q").select();
    } else if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
  });

  // Back to the list as it was filtered, also from behind a button, whose page comes from the alert's own.

  const back = document.getElementById("back");
  if (back) {
    const from = document.referrer;
    if (from === `${location.origin}/` || from.startsWith(`${location.origin}/?`)) {
      sessionStorage.setItem("list", from);
    }
    back.href = sessionStorage.getItem("list") ?? "/";
  }

  remember(document);
  enhance(document);
  listen();
  setInterval(() => tellTimes(document), 5000);
  setInterval(() => document.hidden || refresh(), 60000); // the picture moves on by itself
})();
