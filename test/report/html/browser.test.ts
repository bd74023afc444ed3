import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { renderMail } from '../../../src/report/report/html/mail.ts';
import { renderPage } from '../../../src/report/report/html/page.ts';
import type { Report } from '../../../src/report/report/model.ts';
import { type Browser, type PageView, startChromium, noChromium } from '../../support/chromium.ts';
import * as samples from '../../support/reports.ts';
import { scratch } from '../../support/tmp.ts';

const { twoFailed, oneHost, neverRan, hostile } = samples;

suite('in a browser', { skip: noChromium() }, () => {
  let browser: Browser;
  const directory = scratch('page');
  before(async () => {
    browser = await startChromium();
  });
  after(async () => browser.stop());

  const open = async (html: string, view: PageView) => {
    const path = join(directory, 'page.html');
    writeFileSync(path, html);
    return browser.open(pathToFileURL(path).href, view);
  };
  const page = async (report: Report, view: PageView, lang: 'en' | 'ja' = 'en') =>
    open(renderPage(report, { lang, timeZone: 'Asia/Tokyo' }), view);

  for (const [name, make] of Object.entries({ twoFailed, oneHost, neverRan, hostile })) {
    test(`the page has room on every screen, complains of nothing and asks for nothing: ${name}`, async () => {
      for (const [width, dark, lang] of [
        [375, false, 'en'],
        [1440, true, 'ja'],
        ...(make === twoFailed ? ([[768, false, 'ja']] as const) : []),
      ] as const) {
        const shown = await page(make(), { width, dark }, lang);
        // With everything unfolded.
        await shown.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
        assert.equal(await shown.evaluate('document.documentElement.scrollWidth'), width, `${lang} at ${width}`);
        assert.deepEqual([shown.complaints, shown.requests], [[], []]);
        await shown.close();
      }
    });
  }

  test('a table is sorted by its heads, with the keyboard, and says how', async () => {
    const shown = await page(twoFailed(), { width: 1440 });
    const column = (index: number) =>
      shown.evaluate<string[]>(`[...document.querySelectorAll('#host-table tbody tr')].map((row) => row.cells[${index}].textContent)`);
    const sorts = () => shown.evaluate<string[]>("[...document.querySelectorAll('#host-table th')].map((head) => head.ariaSort ?? '')");
    const focus = (index: number) =>
      shown.evaluate(`document.querySelectorAll('#host-table th')[${index}].querySelector('button').focus()`);
    assert.equal((await column(1))[0], 'branch-sapporo.example.org');
    await focus(1);
    await shown.press('Enter');
    const ascending = await column(1);
    assert.deepEqual(ascending, ascending.toSorted());
    assert.deepEqual(await sorts(), ['none', 'ascending', 'none', 'none', 'none', 'none', 'none', '']);
    await shown.press('Enter');
    assert.deepEqual(await column(1), ascending.toReversed());
    await focus(5);
    await shown.press('Enter');
    const numbers = (await column(5)).map((text) => Number(text.replaceAll(',', '')));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    assert.equal((await sorts())[5], 'ascending');
    await shown.close();
  });

  test('hosts can be found by a part of their name, and opened by a link', async () => {
    const shown = await page(twoFailed(), { width: 1440 });
    const visible = () =>
      shown.evaluate<string[]>(
        "[...document.querySelectorAll('#host-table tbody tr')].filter((row) => !row.hidden).map((row) => row.cells[1].textContent)",
      );
    await shown.evaluate(
      "document.querySelector('#search').value = 'OSAKA'; document.querySelector('#search').dispatchEvent(new Event('input'))",
    );
    assert.deepEqual(await visible(), ['branch-osaka.example.org']);
    assert.equal(await shown.evaluate("[...document.querySelectorAll('details.host')].filter((each) => !each.hidden).length"), 1);
    await shown.evaluate(
      "document.querySelector('#search').value = 'nowhere'; document.querySelector('#search').dispatchEvent(new Event('input'))",
    );
    assert.deepEqual([await visible(), await shown.evaluate("document.querySelector('#no-match').hidden")], [[], false]);
    await shown.evaluate(
      "document.querySelector('#search').value = ''; document.querySelector('#search').dispatchEvent(new Event('input'))",
    );
    assert.equal((await visible()).length, 14);
    await shown.evaluate("[...document.querySelectorAll('#host-table a')].find((link) => link.textContent.startsWith('support')).click()");
    const isOpen =
      "new Promise((resolve) => setTimeout(() => resolve([...document.querySelectorAll('details.host')].find((each) => each.textContent.includes('support.example.org')).open)))";
    assert.equal(await shown.evaluate(isOpen), true);
    await shown.close();
  });

  test('every command has a button that copies it', async () => {
    const shown = await page(twoFailed(), { width: 1440 });
    const [commands, buttons] = await shown.evaluate<[number, number]>(
      "[document.querySelectorAll('pre.command').length, document.querySelectorAll('pre.command .copy').length]",
    );
    assert.ok(commands > 3);
    assert.equal(buttons, commands);
    await shown.close();
  });

  test('the mail fits a telephone, and its pictures show', async () => {
    for (const [make, width, dark] of [
      [twoFailed, 375, true],
      [hostile, 375, false],
      [oneHost, 768, false],
    ] as const) {
      const { html, pictures } = renderMail(make(), { lang: 'ja', timeZone: 'Asia/Tokyo' });
      const whole = pictures.reduce(
        (text, { cid, content }) => text.replaceAll(`cid:${cid}`, `data:image/png;base64,${Buffer.from(content).toString('base64')}`),
        html,
      );
      const shown = await open(whole, { width, dark });
      assert.equal(await shown.evaluate('document.documentElement.scrollWidth'), width);
      const sizes = await shown.evaluate<number[]>(
        'Promise.all([...document.images].map(async (image) => (await image.decode(), image.naturalWidth)))',
      );
      assert.equal(sizes.length, pictures.length);
      assert.ok(
        sizes.every((size) => size > 500),
        sizes.join(' '),
      );
      assert.deepEqual(shown.complaints, []);
      assert.deepEqual(
        shown.requests.filter((address) => !address.startsWith('data:image/png')),
        [],
      );
      await shown.close();
    }
  });
});
