/**
 * What the page does beyond showing: sorting, searching, copying. Without it everything is there to be read. It holds no
 * data, so that its text is the same on every page and its hash can stand in the page's security policy.
 */
export const SCRIPT = `'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const keyOf = (row, column, kind) => {
    const cell = row.cells[column];
    return kind === 'number' ? Number(cell.dataset.key) : cell.textContent;
  };
  const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
  const sort = (table, heads, head, direction) => {
    const column = heads.indexOf(head);
    const kind = head.dataset.sort;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, key: keyOf(row, column, kind) }));
    rows.sort((a, b) => (kind === 'number' ? a.key - b.key : collator.compare(a.key, b.key)) * direction);
    body.append(...rows.map(({ row }) => row));
    for (const each of heads) if (each.dataset.sort) each.setAttribute('aria-sort', 'none');
    head.setAttribute('aria-sort', direction > 0 ? 'ascending' : 'descending');
  };
  for (const table of all('table.sortable')) {
    const heads = [...table.tHead.rows[0].cells];
    const select = document.createElement('select');
    const label = document.createElement('label');
    label.className = 'sortby';
    label.append(table.dataset.sortby + ' ', select);
    select.append(new Option('–', ''));
    heads.forEach((head, index) => {
      if (!head.dataset.sort) return;
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute('aria-sort', 'none');
      button.addEventListener('click', () => sort(table, heads, head, head.getAttribute('aria-sort') === 'ascending' ? -1 : 1));
      select.append(new Option('↑ ' + head.textContent, index + ' 1'), new Option('↓ ' + head.textContent, index + ' -1'));
    });
    select.addEventListener('change', () => {
      if (select.value === '') return;
      const [column, direction] = select.value.split(' ').map(Number);
      sort(table, heads, heads[column], direction);
    });
    if (table.tBodies[0].rows.length > 2) table.parentElement.before(label);
  }

  const search = document.getElementById('search');
  if (search) {
    search.parentElement.hidden = false;
    const rows = all('#host-table tbody tr');
    const names = new Map(rows.map((row) => [row.dataset.host, row.cells[1].textContent.toLowerCase()]));
    const none = document.getElementById('no-match');
    search.addEventListener('input', () => {
      const asked = search.value.trim().toLowerCase();
      let shown = 0;
      for (const each of all('[data-host]')) {
        each.hidden = !names.get(each.dataset.host).includes(asked);
        if (!each.hidden) shown++;
      }
      none.hidden = shown > 0;
    });
  }

  const { copy, copied } = document.body.dataset;
  const status = document.getElementById('status');
  for (const command of all('.command')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = copy;
    button.setAttribute('aria-label', copy + ' ' + command.textContent);
    button.addEventListener('click', async () => {
      const code = command.querySelector('code');
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code);
        document.execCommand('copy');
      }
      button.textContent = status.textContent = copied;
      setTimeout(() => { button.textContent = copy; status.textContent = ''; }, 2000);
    });
    command.append(button);
  }

  const open = () => {
    const asked = document.getElementById(location.hash.slice(1));
    if (asked instanceof HTMLDetailsElement) {
      asked.open = true;
      asked.scrollIntoView();
    }
  };
  addEventListener('hashchange', open);
  // A link to the host that was asked for last changes no hash.
  addEventListener('click', (event) => {
    const link = event.target instanceof Element && event.target.closest('a[href^="#"]');
    if (link && link.getAttribute('href') === location.hash) open();
  });
  open();
})();
`;
