"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const say = (words) => { document.getElementById("said").textContent = words; };
  root.classList.add("js");

  // Theme: what the reader chose, else what their system asks for.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("csft-theme"); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem("csft-theme", theme); } catch { /* it lasts while the page is open */ } };
  let theme = ["light", "dark"].includes(stored()) ? stored() : null;
  const toggle = document.getElementById("theme");
  const isDark = () => (theme ?? (system.matches ? "dark" : "light")) === "dark";
  const showTheme = () => {
    root.dataset.theme = isDark() ? "dark" : "light";
    toggle.textContent = isDark() ? "Light theme" : "Dark theme";
    redraw();
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => { theme = isDark() ? "light" : "dark"; store(theme); showTheme(); });
  system.addEventListener("change", showTheme);

  // Figures: plotly is unpacked once the page stands, and each is drawn when it comes near.
  const plots = all(".plot");
  const drawn = new Map();  // plot to how it was drawn
  const dark = json("dark");
  const PHONE = 520, PRINTED = 680, HALF = 328;  // pixels; an A4 page between its margins
  let printing = false;

  const unpacked = async () => {
    if (!plots.length) return "";
    const packed = atob(document.getElementById("plotly").textContent);
    const bytes = new Uint8Array(packed.length);
    for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };
  const source = unpacked();  // beside the rest; that it fails shows where it is asked for
  source.catch(() => {});
  const run = async () => {
    const script = document.createElement("script");
    script.textContent = await source;
    document.head.append(script);
    if (!window.Plotly) throw new Error("the browser did not run it");
  };
  let loading = null;
  const plotly = () => (loading ??= run());

  const coloured = (value) => {
    if (typeof value === "string") return dark[value] ?? value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
  };
  const set = (object, path, value) => {
    const keys = path.split(".");
    const last = keys.pop();
    for (const key of keys) object = object[key] ??= {};
    object[last] = value;
  };
  const manner = (plot) => printing ? "print" : `${root.dataset.theme} ${plot.clientWidth < PHONE ? "phone" : "wide"}`;
  const spec = (plot, how) => {
    const figure = json(`data-${plot.dataset.figure}`);
    const { data, layout } = how.startsWith("dark") ? coloured(figure) : figure;
    const meta = layout.meta ?? {};
    if (how === "print") {
      layout.width = meta.half ? HALF : PRINTED;
      layout.height = 0.8 * (layout.height ?? 420);  // two to a page
    }
    if (how.endsWith("phone")) {
      layout.margin = { ...layout.margin, l: 40, r: 8 };
      layout.font = { ...layout.font, size: 11 };
    }
    if (how.endsWith("phone") || (how === "print" && meta.half)) {
      for (const [path, value] of Object.entries(meta.phone ?? {})) set(layout, path, value);
    }
    if (matchMedia("(pointer: fine)").matches) layout.dragmode = "zoom";
    return [data, layout];
  };
  const CONFIG = {
    displayModeBar: matchMedia("(pointer: fine)").matches ? "hover" : false,
    displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", scrollZoom: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const draw = (plot) => {
    const how = manner(plot);
    if (!window.Plotly || drawn.get(plot) === how) return;
    if (!drawn.has(plot)) plot.replaceChildren();
    drawn.set(plot, how);
    const options = { ...CONFIG, toImageButtonOptions: { filename: plot.dataset.figure, scale: 2 } };
    window.Plotly.react(plot, ...spec(plot, how), options).then(() => { plot.dataset.drawn = how; });
  };
  const redraw = () => { for (const plot of drawn.keys()) draw(plot); };
  const failed = (error) => {
    for (const plot of plots) {
      plot.classList.add("failed");
      plot.querySelector(".absent")?.replaceChildren(`The figure could not be drawn here (${error.message}). The text below says what it shows.`);
    }
  };
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      plotly().then(() => draw(target), failed);
    }
  }, { rootMargin: "1000px" });
  showTheme();
  plots.forEach((plot) => near.observe(plot));
  if (plots.length) {
    // Also without scrolling, so that the page can be printed: printing waits for nothing.
    addEventListener("load", () => setTimeout(() => plotly().catch(failed), 300));
    addEventListener("resize", redraw);
    addEventListener("beforeprint", () => { printing = true; plots.forEach(draw); });
    addEventListener("afterprint", () => { printing = false; redraw(); });
  }

  // Tables: headings become buttons that sort, long tables can be searched.
  const value = (row, column, number) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent;
    return number ? (text === "" ? null : Number(text.replace(/[<,]/g, ""))) : (text === "" ? null : text);
  };
  const words = new Intl.Collator(undefined, { numeric: true });
  const sort = (table, head, column) => {
    const number = head.classList.contains("number");
    const down = head.getAttribute("aria-sort") === "ascending" || (number && !head.hasAttribute("aria-sort"));
    const keyed = [...table.tBodies[0].rows].map((row) => [value(row, column, number), row]);
    const order = (a, b) => (number ? a - b : words.compare(a, b)) * (down ? -1 : 1);
    keyed.sort(([a], [b]) => (a === null) - (b === null) || (a === null ? 0 : order(a, b)));  // what is not there stands last
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...keyed.map(([, row]) => row));
    say(`Sorted by ${head.textContent}, ${down ? "descending" : "ascending"}.`);
  };
  for (const table of all("table")) {
    const rows = table.tBodies[0].rows;
    if (rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, head, column));
    });
    const box = table.closest(".box");
    if (!box.parentElement.classList.contains("long")) continue;
    const search = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "search" });
    const count = document.createElement("span");
    const show = () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        left += !row.hidden;
      }
      count.textContent = `${left} of ${rows.length} rows`;
    };
    search.className = "search";
    search.append("Search", input, count);
    box.before(search);
    count.textContent = `${rows.length} rows`;
    input.addEventListener("input", show);
  }

  // Commands: a button that copies.
  for (const block of all(".code")) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    const code = block.querySelector("code");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        say("Copied.");
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected: press Ctrl+C";
      }
    });
    block.append(button);
  }

  // A page of a study that runs: load what was written since, unless somebody is searching or copying.
  const again = () => {
    const busy = document.hidden || getSelection().toString() || all("input").some((input) => input.value);
    if (!busy) location.reload();
  };
  if (root.dataset.again) setInterval(again, 1000 * root.dataset.again);

  // Menu: the section that is read.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const reading = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  all("main > section").forEach((section) => reading.observe(section));
})();
