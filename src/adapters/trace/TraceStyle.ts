/** The style sheet of a trace: light and dark, for screen and print. */
export const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--line:#d1d9e0;--page:#fff;--card:#f6f8fa;--arrow:#0550ae;--good:#1a7f37;--mild:#9a6700;--bad:#cf222e}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--page:#0d1117;--card:#151b23;--arrow:#6cb6ff;--good:#3fb950;--mild:#d29922;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2rem 1.5rem 4rem;font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink);background:var(--page)}
p{margin:.3rem 0}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 1rem}
h2{font-size:1.1rem;margin:2.5rem 0 .75rem}
code,.mono,td,.label{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.84em;overflow-wrap:anywhere}
.outcome{border:1px solid var(--line);border-left:.35rem solid var(--tone);border-radius:.4rem;padding:.7rem 1rem;margin:0 0 1rem;background:var(--card)}
.outcome b{color:var(--tone);display:block}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.25rem;margin:0 0 1rem}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.promise,.hint{color:var(--soft);max-width:62rem;margin:.4rem 0}
.lanes,.flow{display:grid;grid-template-columns:repeat(var(--halves),minmax(0,1fr));position:relative}
summary,.head{margin-left:6rem}summary .head{margin-left:0}
.lanes{position:sticky;top:0;z-index:2;background:var(--page);padding:.5rem 0 .6rem 6rem;border-bottom:1px solid var(--line)}
.lane{grid-column:span 2;text-align:center;padding:0 .4rem;overflow-wrap:anywhere}
.lane b{display:block}.lane span{color:var(--soft);font-size:.84em;display:block}
.step{border-bottom:1px solid var(--line)}
summary{position:relative;cursor:pointer;list-style:none;padding:0}
summary::-webkit-details-marker{display:none}
summary:hover .flow,summary:focus-visible .flow{background:color-mix(in srgb,var(--arrow) 7%,transparent)}
.time{position:absolute;left:-6rem;top:.6rem;width:5.8rem;color:var(--soft);font-size:.8em;font-variant-numeric:tabular-nums}
.time::before{content:"\\25b8";margin-right:.35rem;display:inline-block}
.step[open]>summary .time::before{transform:rotate(90deg)}
.head{position:relative}.bare .time::before{visibility:hidden}
.flow{padding:.45rem 0 .75rem;row-gap:.35rem;min-height:2.4rem}
.life{position:absolute;top:0;bottom:0;border-left:1px dashed var(--line)}
.arrow{position:relative;border-bottom:2px solid var(--tone);padding:.1rem .9rem .15rem;text-align:center;min-width:0}
.arrow::after{content:"";position:absolute;bottom:-6px;border:5px solid transparent}
.right::after{right:0;border-left:9px solid var(--tone);border-right:0}
.left::after{left:0;border-right:9px solid var(--tone);border-left:0}
.seen-not{border-bottom-style:dashed}
.label{background:var(--page);padding:0 .25rem}
a{color:inherit}.time b{color:var(--ink)}.step:target .time b{outline:2px solid var(--arrow);outline-offset:2px;border-radius:2px}
.label .kind{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--soft)}
.note{grid-column:1/-1;justify-self:center;max-width:min(46rem,90%);z-index:1;background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.2rem .7rem;font-size:.88em;text-align:center;overflow-wrap:anywhere}
.ask{--tone:var(--arrow)}.good{--tone:var(--good)}.mild{--tone:var(--mild)}.bad{--tone:var(--bad)}
.status{color:var(--tone);font-weight:600}
.detail{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:1rem;padding:.75rem 0 1.25rem}
.side{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;background:var(--card);min-width:0}
.side h3{margin:0 0 .4rem;font-size:.95rem}.side h4{margin:.7rem 0 .15rem;font-size:.8rem;font-weight:600;color:var(--soft)}
table{border-collapse:collapse;width:100%}td,th{vertical-align:top;text-align:left;padding:.12rem .8rem .12rem 0}
td:first-child{color:var(--soft);width:36%}td:last-child{padding-right:0}
.marks td:first-child{width:auto;white-space:nowrap}.marks tr+tr td{border-top:1px solid var(--line)}.marks th{font-size:.8rem;color:var(--soft)}
.struck{display:inline-block;white-space:nowrap;border:1px solid hsl(var(--hue) 60% 50%);border-left-width:.45rem;border-radius:.25rem;padding:0 .35rem;font-size:.95em;color:inherit;text-decoration:none}
.struck small{color:var(--soft)}
.empty{color:var(--soft);font-style:italic}
footer{margin-top:2.5rem;color:var(--soft);font-size:.88em}
@media (max-width:44rem){body{padding:1rem .75rem}.time{position:static;display:block;width:auto;left:auto}summary,.head{margin-left:0}.lanes{padding-left:0;font-size:.85em}.arrow{padding:.1rem .3rem .15rem}}
@media print{
@page{margin:12mm}
:root{--ink:#000;--soft:#444;--line:#bbb;--page:#fff;--card:#fff;--arrow:#0550ae;--good:#1a7f37;--mild:#7d4e00;--bad:#a40e26;color-scheme:light}
html{font-size:10.5px}body{padding:0;font-size:1rem;max-width:none}.lanes{position:static}
details::details-content{content-visibility:visible;display:block;block-size:auto}
.side{break-inside:avoid}summary{break-after:avoid;break-inside:avoid}.time::before{display:none}
}
`.replaceAll("\n", "")
