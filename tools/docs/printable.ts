/** A page of docs as HTML that prints on one sheet: no more of Markdown than checklists have. */

const STYLE = `@page { size: A4; margin: 11mm 12mm }
body { font: 10.4pt/1.38 "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif; color: #000; background: #fff; max-width: 186mm; margin: 0 auto }
h1 { font-size: 15pt; margin: 0 0 3mm; border-bottom: 1pt solid #000; padding-bottom: 1mm }
p { margin: 2.2mm 0 0.8mm }
ul { list-style: none; margin: 0; padding: 0 }
li { margin: 0.7mm 0; padding-left: 6mm; text-indent: -6mm; break-inside: avoid }
li::before { content: "☐"; display: inline-block; width: 6mm; text-indent: 0 }
code { font: 9.2pt "Noto Sans Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; background: #eee; padding: 0 0.8mm }
@media print { code { background: none; font-weight: bold } }
@media screen { body { padding: 8mm } }`;

/** @param markdown a title, paragraphs and items of a checklist */
export function printable(markdown: string): string {
  const parts: string[] = [];
  let title = '';
  for (const line of markdown.split('\n').filter((each) => each !== '')) {
    const item = /^- \[ \] (.*)$/.exec(line)?.[1];
    if (line.startsWith('# ')) {
      title = line.slice(2);
      parts.push(`<h1>${inline(title)}</h1>`);
    } else if (item === undefined) parts.push(`<p>${inline(line)}</p>`);
    else parts.push(`<ul><li>${inline(item)}</li></ul>`);
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<!-- Made by \`npm run format\` from docs/standby-checklist.md; changes here are lost. -->
<title>${inline(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
${parts.join('\n').replaceAll('</ul>\n<ul>', '\n')}
</body>
</html>
`;
}

function inline(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\*([^*]+)\*/g, '<em>$1</em>');
}
