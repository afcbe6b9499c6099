// profile_page.c: events as a page of HTML that needs nothing else: figures, the kernels that took
// longest, and a flame chart of the last calls, which the script of the page draws.
//
// What comes from the module (names) is text: in the page it is escaped, in the script's data '<'
// is written as an escape, so that nothing in a name ends the script.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "record.h"

// Spans that the chart holds at most: browsers stay quick with as many.
enum { SPANS = 20000, ROWS = 100 };

static const char style[] =
    "body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;"
    "color:#1d2430;background:#fff}h1{font-size:1.4em;margin:0 0 .2em}h2{font-size:1.1em;"
    "margin:1.6em 0 .4em}dl{display:flex;flex-wrap:wrap;gap:.3em 2em;margin:.8em 0}dt{color:#667;"
    "font-size:.85em}dd{margin:0;font-size:1.15em;font-variant-numeric:tabular-nums}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.2em .6em;border-bottom:1px solid #e4e7ec;white-space:nowrap}"
    "th{font-weight:600;color:#556}th:last-child,td:last-child{text-align:left;font-family:"
    "ui-monospace,monospace;white-space:normal;word-break:break-all}td.bar{padding:0;width:110px}"
    "td.bar i{display:block;height:.8em;background:#d9730d}canvas{width:100%;display:block;"
    "border:1px solid #e4e7ec;cursor:grab}#tip{min-height:1.5em;font-family:ui-monospace,monospace;"
    "font-size:12px;margin:.3em 0;word-break:break-all}p{color:#556}\n"
    "@media(prefers-color-scheme:dark){body{background:#14171c;color:#dde2ea}th,td,canvas{"
    "border-color:#2c323c}th,dt,p{color:#9aa4b2}}\n";

// Data: names, kinds, and spans as [track, depth, begin, length, name, kind, detail] in
// nanoseconds.
static const char script[] =
    "const D=JSON.parse(document.getElementById('data').textContent);\n"
    "const "
    "C=document.getElementById('flame'),T=document.getElementById('tip'),G=C.getContext('2d');\n"
    "const H=20,P=16,colors=['#888','#5b7fb4','#8fa9c9','#d9730d','#4a9a6b','#b9bec7'];\n"
    "const depths=D.tracks.map((t,i)=>1+Math.max(0,...D.spans.filter(s=>s[0]===i).map(s=>s[1])));\n"
    "const tops=[];let height=22;for(const d of depths){tops.push(height);height+=d*H+P}\n"
    "const end=D.spans.reduce((m,s)=>Math.max(m,s[2]+s[3]),1);\n"
    "const calls=D.spans.filter(s=>s[5]===1).map(s=>s[2]).sort((a,b)=>a-b);\n"
    "let from=calls.length>5?calls[calls.length-5]:0,to=end;\n"
    "const time=n=>n<1e3?n.toFixed(0)+' ns':n<1e6?(n/1e3).toFixed(2)+' us':(n/1e6).toFixed(3)+' "
    "ms';\n"
    "function draw(){const r=devicePixelRatio||1,w=C.clientWidth;C.width=w*r;C.height=height*r;\n"
    " C.style.height=height+'px';G.setTransform(r,0,0,r,0,0);G.clearRect(0,0,w,height);\n"
    " G.font='11px system-ui';G.textBaseline='middle';const "
    "ink=getComputedStyle(document.body).color;\n"
    " const k=w/(to-from);let step=Math.pow(10,Math.floor(Math.log10((to-from)/4)));\n"
    " G.fillStyle=ink;for(let t=Math.ceil(from/step)*step;t<to;t+=step){const x=(t-from)*k;\n"
    "  "
    "G.globalAlpha=.15;G.fillRect(x,0,1,height);G.globalAlpha=1;if(step*k>60)G.fillText(time(t),x+"
    "3,8)}\n"
    " D.tracks.forEach((n,i)=>{G.fillStyle=ink;G.fillText(n,3,tops[i]-6)});\n"
    " for(const s of D.spans){const x=(s[2]-from)*k,v=Math.max(s[3]*k,.6);if(x+v<0||x>w)continue;\n"
    "  const y=tops[s[0]]+s[1]*H;G.fillStyle=colors[s[5]];G.fillRect(x,y,v,H-2);\n"
    "  "
    "if(v>24){G.save();G.beginPath();G.rect(Math.max(x,0),y,Math.min(v,w-Math.max(x,0)),H);G.clip()"
    ";\n"
    "   G.fillStyle='#fff';G.fillText(D.names[s[4]],Math.max(x,0)+3,y+H/2-1);G.restore()}}}\n"
    "function at(e){const b=C.getBoundingClientRect(),k=C.clientWidth/(to-from);\n"
    " const t=from+(e.clientX-b.left)/k,y=e.clientY-b.top;return D.spans.find(s=>{\n"
    "  const top=tops[s[0]]+s[1]*H;return y>=top&&y<top+H&&t>=s[2]&&t<=s[2]+Math.max(s[3],1/k)})}\n"
    "C.onmousemove=e=>{if(e.buttons&1){const d=e.movementX*(to-from)/C.clientWidth;\n"
    "  from-=d;to-=d;draw();return}const s=at(e);\n"
    " T.textContent=s?`${D.kinds[s[5]]} ${D.names[s[4]]}  ${time(s[3])}  at ${time(s[2])}  "
    "${s[6]||''}`:''};\n"
    "C.onwheel=e=>{e.preventDefault();const b=C.getBoundingClientRect();\n"
    " const t=from+(e.clientX-b.left)/C.clientWidth*(to-from),f=Math.exp(e.deltaY/400);\n"
    " from=t-(t-from)*f;to=t+(to-t)*f;draw()};\n"
    "C.ondblclick=()=>{from=0;to=end;draw()};onresize=draw;draw();\n";

static void append_html(ee_cli_text_t *out, const char *text) {
  for (; *text; ++text) {
    if (*text == '<')
      ee_cli_text_string(out, "&lt;");
    else if (*text == '>')
      ee_cli_text_string(out, "&gt;");
    else if (*text == '&')
      ee_cli_text_string(out, "&amp;");
    else if (*text == '"')
      ee_cli_text_string(out, "&quot;");
    else
      ee_cli_text_append(out, text, 1);
  }
}

static void append_fact(ee_cli_text_t *out, const char *name, const char *value) {
  ee_cli_text_printf(out, "<div><dt>%s</dt><dd>", name);
  append_html(out, value);
  ee_cli_text_string(out, "</dd></div>\n");
}

static void append_time(ee_cli_text_t *out, const char *name, double ns) {
  ee_cli_text_t text = {0};
  ee_cli_text_time(&text, ns);
  append_fact(out, name, text.data ? text.data : "");
  ee_cli_text_free(&text);
}

static void append_facts(const ee_cli_page_t *page, ee_cli_text_t *out) {
  char number[32];
  ee_cli_text_string(out, "<dl>\n");
  append_fact(out, "function", page->function);
  append_fact(out, "device", page->device);
  snprintf(number, sizeof number, "%" PRIu64, page->calls);
  append_fact(out, "calls", number);
  append_time(out, "a call (median)", page->median_ns);
  snprintf(number, sizeof number, "1 of %" PRIu64 " calls", page->every);
  append_fact(out, "observed", number);
  snprintf(number, sizeof number, "%.1f %% of a call, %.1f %% of all", 100 * page->cost,
           100 * page->overhead);
  if (page->overhead >= 0) append_fact(out, "cost of observing", number);
  ee_cli_text_string(out, "</dl>\n");
}

// ---- Kernels -----------------------------------------------------------------------------------

static void append_row(const ee_cli_hot_t *hot, double total, uint64_t calls, ee_cli_text_t *out) {
  const double each = (double)hot->ns / (hot->dispatches > 0 ? hot->dispatches : 1);
  const double share = total > 0 ? 100 * (double)hot->ns / total : 0;
  const double flops = ee_cli_kernel_flops(hot->name);
  ee_cli_text_printf(out,
                     "<tr><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td><td>%.1f %%</td>"
                     "<td>",
                     share, share);
  ee_cli_text_time(out, each);
  ee_cli_text_printf(out, "</td><td>%.3g</td><td>", hot->dispatches / (double)(calls ? calls : 1));
  ee_cli_text_counts(out, hot->last.workgroup_count);
  ee_cli_text_string(out, "</td><td>");
  ee_cli_text_bytes(out, hot->bytes);
  ee_cli_text_string(out, "</td><td>");
  if (each > 0) ee_cli_text_printf(out, "%.3g", (double)hot->bytes / each);
  ee_cli_text_string(out, "</td><td>");
  if (flops > 0 && each > 0) ee_cli_text_printf(out, "%.3g", flops / each);
  ee_cli_text_string(out, "</td><td>");
  append_html(out, hot->name);
  ee_cli_text_string(out, "</td></tr>\n");
}

static void append_kernels(const ee_cli_record_t *record, const ee_cli_page_t *page,
                           ee_cli_text_t *out) {
  size_t count = 0;
  ee_cli_hot_t *const hot =
      ee_cli_record_hot(record, page->first, ee_cli_record_count(record), &count);
  double total = 0;
  if (!hot) out->failed = true;
  for (size_t i = 0; hot && i < count; ++i)
    total += (double)hot[i].ns;
  ee_cli_text_string(out,
                     "<h2>Kernels</h2>\n<table id=\"kernels\"><thead><tr><th></th><th>share</th>"
                     "<th>time</th><th>a call</th><th>workgroups</th><th>bytes bound</th>"
                     "<th>GB/s</th><th>GFLOP/s</th><th>kernel</th></tr></thead><tbody>\n");
  for (size_t i = 0; hot && i < count && i < ROWS; ++i)
    append_row(&hot[i], total, page->calls, out);
  ee_cli_text_string(out, "</tbody></table>\n");
  if (count > ROWS) ee_cli_text_printf(out, "<p>and %zu more</p>\n", count - ROWS);
  free(hot);
}

// ---- The chart ---------------------------------------------------------------------------------

// How deep a span lies under the others of its track; -1: it is none.
static int depth_of(const eerie_event_t *event) {
  switch (event->kind) {
  case EERIE_EVENT_CALL: return 0;
  case EERIE_EVENT_SUBMIT:
  case EERIE_EVENT_WAIT: return event->worker ? 0 : 1;
  case EERIE_EVENT_DISPATCH:
  case EERIE_EVENT_TRANSFER: return event->worker || event->device ? 0 : 2;
  default: return -1;
  }
}

// Numbers for names: kernels have one pointer each, so comparing those first is quick.
typedef struct names {
  const char **items;
  size_t count, capacity;
} names_t;

static size_t name_number(names_t *names, const char *name) {
  for (size_t i = 0; i < names->count; ++i)
    if (names->items[i] == name || strcmp(names->items[i], name) == 0) return i;
  if (names->count == names->capacity) {
    const size_t capacity = names->capacity ? names->capacity * 2 : 64;
    const char **const grown = realloc((void *)names->items, capacity * sizeof *grown);
    if (!grown) return 0;
    names->items = grown;
    names->capacity = capacity;
  }
  names->items[names->count] = name;
  return names->count++;
}

static void write_span(ee_cli_json_t *json, const ee_cli_tracks_t *tracks,
                       const eerie_event_t *event, int64_t start, names_t *names) {
  ee_cli_text_t detail = {0};
  if (event->size) ee_cli_text_bytes(&detail, event->size);
  if (event->kind == EERIE_EVENT_DISPATCH) {
    ee_cli_text_string(&detail, "  ");
    ee_cli_text_counts(&detail, event->workgroup_count);
  }
  ee_cli_json_open(json, NULL, '[');
  ee_cli_json_number(json, NULL, ee_cli_tracks_of(tracks, event));
  ee_cli_json_number(json, NULL, (uint64_t)depth_of(event));
  ee_cli_json_number(json, NULL, (uint64_t)(event->begin_ns - start));
  ee_cli_json_number(json, NULL, (uint64_t)(event->end_ns - event->begin_ns));
  ee_cli_json_number(json, NULL, name_number(names, event->name));
  ee_cli_json_number(json, NULL, (uint64_t)event->kind);
  ee_cli_json_string(json, NULL, detail.data ? detail.data : "");
  ee_cli_json_close(json, ']');
  ee_cli_text_free(&detail);
}

// The first event of those that are shown, and when it began; what ended last is what is left.
static size_t chart_start(const ee_cli_record_t *record, size_t first, int64_t *out_start) {
  const size_t end = ee_cli_record_count(record);
  size_t spans = 0, at = end;
  while (at > first && spans < SPANS)
    spans += depth_of(&record->events[--at]) >= 0;
  *out_start = INT64_MAX;
  for (size_t i = at; i < end; ++i)
    if (depth_of(&record->events[i]) >= 0 && record->events[i].begin_ns < *out_start)
      *out_start = record->events[i].begin_ns;
  return at;
}

static void write_data(const ee_cli_record_t *record, size_t first, ee_cli_json_t *json) {
  static const char *const kinds[] = {"", "call", "submit", "dispatch", "transfer", "wait"};
  int64_t start = 0;
  const ee_cli_tracks_t tracks = ee_cli_record_tracks(record, first);
  names_t names = {0};
  ee_cli_json_open(json, NULL, '{');
  ee_cli_json_open(json, "spans", '[');
  const size_t end = ee_cli_record_count(record);
  for (size_t i = chart_start(record, first, &start); i < end; ++i) {
    const eerie_event_t *const event = &record->events[i];
    if (depth_of(event) >= 0) write_span(json, &tracks, event, start, &names);
  }
  ee_cli_json_close(json, ']');
  ee_cli_json_open(json, "names", '[');
  for (size_t i = 0; i < names.count; ++i)
    ee_cli_json_string(json, NULL, names.items[i]);
  ee_cli_json_close(json, ']');
  ee_cli_json_open(json, "kinds", '[');
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    ee_cli_json_string(json, NULL, kinds[i]);
  ee_cli_json_close(json, ']');
  ee_cli_json_open(json, "tracks", '[');
  for (uint32_t i = 0; i < ee_cli_tracks_count(&tracks); ++i) {
    char name[64];
    ee_cli_tracks_name(&tracks, i, name, sizeof name);
    ee_cli_json_string(json, NULL, name);
  }
  ee_cli_json_close(json, ']');
  ee_cli_json_close(json, '}');
  free((void *)names.items);
}

static void append_chart(const ee_cli_record_t *record, size_t first, ee_cli_text_t *out) {
  ee_cli_json_t json = {.compact = true};
  write_data(record, first, &json);
  ee_cli_text_string(
      out, "<h2>Calls</h2>\n<p>The last five; wheel: closer; drag: along; double click: all.</p>\n"
           "<canvas id=\"flame\"></canvas><div id=\"tip\"></div>\n"
           "<script id=\"data\" type=\"application/json\">");
  if (json.text.failed) out->failed = true;
  for (size_t i = 0; i < json.text.size; ++i) {
    if (json.text.data[i] == '<')
      ee_cli_text_string(out, "\\u003c");
    else
      ee_cli_text_append(out, json.text.data + i, 1);
  }
  ee_cli_text_free(&json.text);
  ee_cli_text_string(out, "</script>\n<script>\n");
  ee_cli_text_string(out, script);
  ee_cli_text_string(out, "</script>\n");
}

void ee_cli_record_write_page(const ee_cli_record_t *record, const ee_cli_page_t *page,
                              ee_cli_text_t *out) {
  ee_cli_text_string(out,
                     "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>");
  append_html(out, page->title);
  ee_cli_text_string(out, "</title>\n<style>");
  ee_cli_text_string(out, style);
  ee_cli_text_string(out, "</style></head><body>\n<h1>");
  append_html(out, page->title);
  ee_cli_text_string(out, "</h1>\n");
  append_facts(page, out);
  append_kernels(record, page, out);
  append_chart(record, page->first, out);
  ee_cli_text_string(out, "</body></html>\n");
}
