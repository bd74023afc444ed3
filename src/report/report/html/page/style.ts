import { DARK, LIGHT, type Theme } from '../palette.ts';

function variables({ page, card, inset, line, ink, muted, accent, wash, levels }: Theme): string {
  const named = { page, card, inset, line, ink, muted, accent, wash };
  const flat = [
    ...Object.entries(named),
    ...Object.entries(levels).flatMap(([level, { ink: text, tint }]) => [
      [level, text],
      [`${level}-tint`, tint],
    ]),
  ];
  return flat.map(([name, value]) => `--${name}:${value}`).join(';');
}

/** The style sheet. It holds no data; its hash stands in the page's security policy. */
export const STYLE = `:root{color-scheme:light dark;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK)}}}
@media print{:root{color-scheme:light;${variables(LIGHT)}}}
*{box-sizing:border-box}
html{font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%;text-size-adjust:100%;background:var(--page);color:var(--ink);scroll-padding-top:1rem}
html:lang(ja){font-family:system-ui,-apple-system,"Hiragino Sans","Hiragino Kaku Gothic ProN","Noto Sans JP","Noto Sans CJK JP","Yu Gothic UI","Yu Gothic",Meiryo,sans-serif;line-height:1.7;line-break:strict}
body{margin:0 auto;padding:1.5rem clamp(1rem,4vw,3rem) 4rem;max-width:76rem;overflow-wrap:anywhere}
p,h1,h2,h3,h4,dl,dd,ul,ol,figure,pre{margin:0;padding:0}
h1,h2,h3,h4{line-height:1.25;font-weight:650;text-wrap:balance}
h1{font-size:clamp(1.6rem,1.1rem + 2.2vw,2.5rem);letter-spacing:-.022em}
h2{font-size:1.3rem;letter-spacing:-.012em;margin:3rem 0 1rem}
h3{font-size:1rem;margin:2rem 0 .75rem}
:lang(ja) :is(h1,h2,h3){letter-spacing:0;word-break:auto-phrase}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:.2em}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
code,pre{font:0.875em/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono","Noto Sans Mono CJK JP",monospace}
time{white-space:nowrap}
[hidden]{display:none!important}
.shapes{position:absolute}
.sign{flex:none;vertical-align:-.15em;fill:currentColor;overflow:visible}
.sign use{stroke:var(--mark,var(--card));stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.ok{--tone:var(--ok);--tint:var(--ok-tint)}.warning{--tone:var(--warning);--tint:var(--warning-tint)}.failed{--tone:var(--failed);--tint:var(--failed-tint)}
.badge{display:inline-flex;align-items:center;gap:.4em;color:var(--tone);font-weight:600;max-width:100%}
.note,.count{color:var(--muted)}.note{font-size:.875rem}
.count{font-weight:400;font-size:1rem;margin-left:.25em}
.top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1.5rem;margin-bottom:1.25rem;font-size:.9375rem}
.brand{font-weight:650;letter-spacing:-.01em}.what{color:var(--muted)}
.hero{--mark:var(--tint);display:grid;grid-template-columns:auto minmax(0,1fr);gap:clamp(1rem,2.5vw,1.75rem);padding:clamp(1.25rem,3.5vw,2.5rem);border-radius:16px;background:var(--tint)}
.hero>.sign{width:clamp(2.25rem,5vw,3.5rem);height:clamp(2.25rem,5vw,3.5rem);color:var(--tone);margin-top:.2rem}
.hero .word{color:var(--tone);font-weight:650;font-size:.9375rem;margin-bottom:.15rem}
.occasion{color:var(--muted);margin-top:.35rem}
.lead{font-size:1.0625rem;margin-top:.5rem}
.share{display:block;margin-top:1.5rem;border-radius:4px;overflow:hidden}
.share .ok{fill:var(--ok)}.share .warning{fill:var(--warning)}.share .failed{fill:var(--failed)}
.legend li{display:flex;align-items:center;gap:.5em}.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;list-style:none;margin-top:.75rem;font-size:.9375rem}
.todo{list-style:none;display:grid;gap:.75rem;counter-reset:todo}
.todo li{counter-increment:todo;position:relative;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.125rem 1.25rem 1.125rem 3.5rem}
.todo li::before{content:counter(todo);position:absolute;left:1.25rem;top:1.1rem;width:1.5rem;height:1.5rem;line-height:1.5rem;text-align:center;border-radius:50%;background:var(--inset);color:var(--muted);font-size:.8125rem;font-weight:600}
.because{display:flex;gap:.6em}.because .sign{color:var(--tone);margin-top:.3em}
.likewise{margin:.2rem 0 0 1.6rem;font-size:.9375rem}
.hint{margin-top:.35rem;color:var(--muted);font-size:.9375rem}
.hint p+.command{margin-top:.3rem}.command+p{margin-top:.6rem}
pre.command{display:flex;align-items:center;gap:.75rem;margin-top:.4rem;padding:.45rem .5rem .45rem .8rem;border-radius:8px;background:var(--inset);color:var(--ink);white-space:pre-wrap}
.command code span{display:inline-block;max-width:100%}
span.command{margin:0 .25em;padding:.1rem .3rem .15rem .45rem;border-radius:6px;background:var(--inset);color:var(--ink);-webkit-box-decoration-break:clone;box-decoration-break:clone}span.command:first-child{margin-left:0}span.command .copy{margin-left:.5em;padding:0 .45rem;font-size:.75rem}
pre.command code{flex:1;min-width:0;padding:.15rem 0;font-size:1em}
.copy{flex:none;font:500 .8125rem/1.6 inherit;font-family:system-ui,sans-serif;color:var(--accent);background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.1rem .6rem;cursor:pointer}
.copy:hover{border-color:var(--accent)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,12.5rem),1fr));gap:1px;background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
.tiles>div{background:var(--card);padding:1.1rem 1.25rem;box-shadow:0 0 0 1px var(--line)}
.tiles dt,.facts dt{color:var(--muted);font-size:.875rem}
.value{display:flex;align-items:center;gap:.4em;font-size:1.4rem;line-height:1.35;font-weight:600;letter-spacing:-.015em;margin:.1rem 0}
.value .sign{width:.8em;height:.8em;color:var(--tone)}
.tiles .note{display:block;line-height:1.45}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
.chart{min-width:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem 1rem}
.chart figcaption{font-weight:600;font-size:.9375rem;margin-bottom:1.35rem}
.plot{padding-left:3.75rem}
.plot svg{display:block;overflow:visible}
.plot text{font-size:12px;fill:var(--muted)}
.grid,.base{stroke:var(--line);shape-rendering:crispEdges}.base{stroke:var(--muted);stroke-opacity:.6}
.yt,.e{text-anchor:end}.m{text-anchor:middle}
.bar{fill:var(--accent)}.bar.over{fill:var(--failed)}
.stroke{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.dot{fill:var(--accent);stroke:var(--card)}.dot.over{fill:var(--failed)}
.goal{stroke:var(--ink);stroke-dasharray:5 4;shape-rendering:crispEdges}
.plot .goaltext,.plot .cut{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.plot .cross{fill:var(--failed);font-size:15px;font-weight:700;text-anchor:middle;paint-order:stroke;stroke:var(--card);stroke-width:3px}
.hits rect{width:10px;height:132px;fill:transparent}.hits rect:hover{fill:var(--ink);fill-opacity:.08}
.says{color:var(--muted);font-size:.8125rem;margin-top:.5rem}
.tools{display:flex;margin-bottom:.75rem}
input[type=search],select{font:inherit;font-size:.9375rem;color:var(--ink);background:var(--card);border:1px solid var(--muted);border-radius:8px;padding:.4rem .7rem;min-width:0;max-width:100%}
input[type=search]{width:18rem}
.sortby{display:none;font-size:.875rem;color:var(--muted);margin-bottom:.75rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;padding:.65rem .75rem;vertical-align:top}
th{font-size:.8125rem;font-weight:600;color:var(--muted);background:var(--inset);white-space:nowrap;padding-block:.5rem}
td{border-top:1px solid var(--line);overflow-wrap:break-word;white-space:nowrap}td.text{white-space:normal;overflow-wrap:anywhere}.against .missed{white-space:normal}
td.text{min-width:13rem}
tbody tr:first-child td{border-top:0}
tbody tr:hover td{background:color-mix(in srgb,var(--inset) 45%,transparent)}
.right{text-align:right}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;display:inline-flex;gap:.3em}
th button::after{content:"↕";opacity:.45}
th[aria-sort=ascending] button::after{content:"↑";opacity:1}
th[aria-sort=descending] button::after{content:"↓";opacity:1}
th[aria-sort=ascending],th[aria-sort=descending],th button:hover{color:var(--ink)}
td a{font-weight:600;color:var(--ink);text-decoration-color:var(--muted)}
td a:hover{color:var(--accent)}
.against{display:inline-block;min-width:6.5rem}
.gauge{display:block;margin-top:.35rem;max-width:9rem}
.track{fill:var(--line)}.gauge.met .used{fill:var(--ok)}.gauge.missed .used{fill:var(--failed)}
.against .missed{display:block;color:var(--failed);font-size:.8125rem}
.gauge+.missed{margin-top:.15rem}
.spark{display:block;fill:var(--accent)}
.host>summary{display:flex;flex-wrap:wrap;align-items:baseline;gap:.15rem 1rem;padding:1rem 1.25rem;cursor:pointer;list-style:none}
.host>summary::-webkit-details-marker{display:none}
.host>summary::after{content:"";order:9;margin-left:auto;width:.5rem;height:.5rem;border:solid var(--muted);border-width:0 2px 2px 0;transform:rotate(45deg)}
.host[open]>summary::after{transform:rotate(225deg)}
.host>summary .badge{min-width:6.25rem;align-self:center}
.host .name{font-weight:650}.host .brief{color:var(--muted);font-size:.9375rem}
details.host{background:var(--card);border:1px solid var(--line);border-bottom-width:0}
details.host:first-of-type{border-radius:12px 12px 0 0}
details.host:last-of-type{border-bottom-width:1px;border-radius:0 0 12px 12px}
details.host:only-of-type{border-radius:12px}
details.host:not([open])>summary:hover{background:var(--inset);border-radius:inherit}
.inside{padding:.25rem 1.25rem 1.5rem}
.inside>h3:first-child{margin-top:.75rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,12rem),1fr));gap:1.25rem 1.5rem;margin-top:1.5rem}
.facts dd{font-weight:600}.facts .note{display:block;font-weight:400}
.findings{display:grid;gap:.75rem}
.finding{border:1px solid var(--line);border-left:4px solid var(--tone,var(--muted));border-radius:10px;background:var(--card);padding:1rem 1.25rem}
.finding h4{display:flex;flex-wrap:wrap;align-items:center;gap:.45em;font-size:.875rem;color:var(--tone,var(--muted))}
.finding h4 code{color:var(--muted);font-weight:400}
.finding ul{list-style:none}.finding li{margin-top:.6rem}.finding li+li{border-top:1px solid var(--line);padding-top:.6rem}
.rest{margin-top:.75rem}.rest summary{cursor:pointer;color:var(--accent);font-size:.9375rem}
footer{margin-top:4rem;padding-top:1.25rem;border-top:1px solid var(--line);color:var(--muted);font-size:.875rem}
#status{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
@media (min-width:46.01rem) and (max-width:80rem){th{white-space:normal;vertical-align:bottom}th,td{padding-inline:.5rem}td.text{min-width:9rem}table{font-size:.875rem}}
@media (max-width:46rem){
.sortby{display:block}
.scroll{border:0;background:none;overflow:visible}
table,tbody{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,8.5rem),1fr));gap:.6rem 1rem;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.1rem;margin-bottom:.6rem}
td,td.right,td.text{white-space:normal;overflow-wrap:anywhere;min-width:0;display:block;border:0;padding:0;text-align:left}
td:empty{display:none}
td::before{content:attr(data-label);display:block;color:var(--muted);font-size:.75rem;line-height:1.4}
.against{min-width:0;width:100%}
:is(.inside,.single) tbody tr{grid-template-columns:repeat(auto-fill,minmax(min(100%,6.2rem),1fr))}
.inside tbody tr{background:var(--inset);border:0}
tbody tr:hover td{background:none}
.plot{padding-left:3.5rem}.minor{display:none}
.tiles{grid-template-columns:repeat(auto-fill,minmax(min(100%,9.5rem),1fr))}.tiles>div{padding:.9rem 1rem}
td.text{grid-column:1/-1;order:1}td.text.key{order:-1}td.text.key::before{display:none}
.todo li{padding:1rem}.todo li::before{display:none}
.hero{grid-template-columns:minmax(0,1fr);gap:.75rem}
.inside{padding-inline:1rem}.host>summary{padding-inline:1rem}
.host>summary .badge{min-width:0}
.host .brief{flex-basis:100%}
.host>summary::after{order:0;align-self:center}.host>summary .brief{order:1}
h2{margin-top:2.5rem}
}
@media print{
html{font-size:10pt;background:#fff}body{padding:0;max-width:none}
.copy,.tools,.sortby{display:none!important}th button::after{display:none}
.hero,.tiles,.bar,.share,.gauge,.dot,.spark,.finding{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.chart,.todo li,.finding,tr{break-inside:avoid}h2,h3{break-after:avoid}
details.host:not([open]){break-inside:avoid}
.scroll{overflow:visible}
}
@media (prefers-contrast:more){:root{--line:var(--muted)}}
`;
