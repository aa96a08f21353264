// The one script of the page. Whatever it does makes a page pleasanter that works
// without it: it submits nothing, stores nothing but the time zone, and asks nobody.
"use strict";

// The time zone, so that the server writes times as the viewer's clock shows them.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || !/^[A-Za-z0-9_+\/-]{1,64}$/.test(zone)) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = "zone=" + zone + "; Path=/; Max-Age=31536000; SameSite=Lax" + secure;
})();

// The player: skips, speed, keys, a waveform that can be clicked, and a transcript that
// follows. Without a script the browser's own controls are there instead.
(() => {
  const box = document.querySelector(".player");
  const audio = box && box.querySelector("audio");
  if (!audio) return;
  const find = (what) => box.querySelector(what);
  const deck = find(".deck"), seek = find(".seek"), speed = find(".speed"), play = find("[data-do=play]");
  const now = find(".now"), all = find(".all"), link = find(".moment"), says = find(".tells"), passed = find(".passed");
  const lines = [...document.querySelectorAll(".said-list li[data-t]")].map((li) => ({ li, t: Number(li.dataset.t) }));
  const list = document.querySelector(".said-list");
  const declared = Number(box.dataset.length);
  const speeds = [...speed.options].map((o) => Number(o.value));
  let wanted = Number(box.dataset.start) || 0; // where to begin, before the browser knows the audio
  deck.hidden = false;
  audio.controls = false;

  const length = () => (Number.isFinite(audio.duration) && audio.duration > 0 ? audio.duration : Math.max(declared, 0));
  const known = () => audio.readyState >= 1; // HAVE_METADATA
  const at = () => (known() ? audio.currentTime : wanted);
  const clock = (t) => {
    const s = Math.floor(t), two = (n) => String(n).padStart(2, "0");
    return s < 3600 ? Math.floor(s / 60) + ":" + two(s % 60) : Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  };
  const aloud = (t) => {
    const s = Math.floor(t), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return (h ? h + " hours " : "") + (h || m ? m + " minutes " : "") + (s % 60) + " seconds";
  };
  const address = (t) => {
    const u = new URL(location.href);
    u.hash = "";
    u.searchParams.set("t", String(Math.floor(t * 10) / 10));
    return u;
  };

  const draw = () => {
    const t = at(), of = length();
    now.textContent = clock(t);
    if (of) all.textContent = clock(of);
    seek.max = String(of || 1);
    seek.value = String(t);
    seek.setAttribute("aria-valuetext", aloud(t) + " of " + aloud(of));
    passed.style.width = of ? Math.min(100, (100 * t) / of) + "%" : "0";
    play.textContent = audio.paused ? "Play" : "Pause";
    link.href = address(t).pathname + address(t).search;
    follow(t);
  };

  // Which line is being said: it is marked, and moved into sight unless somebody is
  // reading elsewhere.
  let line = null, reading = 0;
  const follow = (t) => {
    let found = null;
    for (const l of lines) if (l.t <= t + 0.05) found = l.li;
    if (t === 0 && audio.paused) found = null;
    if (found === line) return;
    if (line) line.removeAttribute("aria-current");
    line = found;
    if (!line) return;
    line.setAttribute("aria-current", "true");
    if (Date.now() - reading > 4000) list.scrollTop = line.offsetTop - list.clientHeight / 3;
  };
  for (const kind of ["wheel", "touchmove", "keydown"]) if (list) list.addEventListener(kind, () => { reading = Date.now(); }, { passive: true });

  const go = (t) => {
    const of = length();
    wanted = Math.max(0, of ? Math.min(t, of) : t);
    if (known()) audio.currentTime = wanted;
    draw();
  };
  const start = () => audio.play().catch((e) => {
    if (e.name !== "AbortError") says.textContent = "The audio can't be played now. Reload the page to see why.";
  });
  const toggle = () => (audio.paused ? start() : audio.pause());
  const faster = (by) => {
    const i = Math.min(speeds.length - 1, Math.max(0, speeds.indexOf(Number(speed.value)) + by));
    speed.value = speed.options[i].value;
    audio.playbackRate = speeds[i];
    says.textContent = "Speed " + speed.options[i].textContent;
  };

  audio.addEventListener("loadedmetadata", () => {
    if (wanted && Math.abs(audio.currentTime - wanted) > 0.5) audio.currentTime = wanted;
    audio.playbackRate = Number(speed.value);
    draw();
  });
  for (const kind of ["timeupdate", "play", "pause", "seeked", "ended", "durationchange"]) audio.addEventListener(kind, draw);
  audio.addEventListener("error", () => { says.textContent = "The audio can't be played now. Reload the page to see why."; });
  audio.addEventListener("playing", () => { says.textContent = ""; });

  play.addEventListener("click", toggle);
  for (const b of box.querySelectorAll("[data-skip]")) b.addEventListener("click", () => go(at() + Number(b.dataset.skip)));
  seek.addEventListener("input", () => go(Number(seek.value)));
  find(".volume").addEventListener("input", (e) => { audio.volume = Number(e.target.value); });
  speed.addEventListener("change", () => { audio.playbackRate = Number(speed.value); });
  for (const l of lines) l.li.querySelector("a.at").addEventListener("click", (e) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
    e.preventDefault();
    go(l.t);
    start();
  });
  link.addEventListener("click", (e) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.button !== 0) return;
    e.preventDefault();
    history.replaceState(null, "", link.href);
    const done = () => { says.textContent = "The address bar has the link to " + clock(at()) + "."; };
    if (!navigator.clipboard) return done();
    navigator.clipboard.writeText(address(at()).href).then(() => { says.textContent = "The link to " + clock(at()) + " is copied."; }, done);
  });

  const keys = {
    " ": toggle, k: toggle, ArrowLeft: (e) => go(at() - (e.shiftKey ? 15 : 5)), ArrowRight: (e) => go(at() + (e.shiftKey ? 15 : 5)),
    "<": () => faster(-1), ">": () => faster(1), Home: () => go(0),
  };
  document.addEventListener("keydown", (e) => {
    const f = document.activeElement;
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !keys[e.key]) return;
    if (f && f !== document.body && f.id !== "main" && !(f === seek && /^(Arrow(Left|Right)|Home| )$/.test(e.key))) return;
    e.preventDefault();
    keys[e.key](e);
  });
  draw();
})();
