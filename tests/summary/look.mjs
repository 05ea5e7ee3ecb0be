// Shows job summaries as GitHub does: node look.mjs FOLDER [NAME...]. FOLDER gets pictures of each, folded and open, light
// and dark, narrow and wide. NAME is the beginning of a name in runs.mjs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { runAll } from './runs.mjs';

const [out, ...names] = process.argv.slice(2);
if (!out) throw new Error('usage: node look.mjs FOLDER [NAME...]');
const module = (file) => fileURLToPath(new URL(`node_modules/${file}`, import.meta.url));
const css = fs.readFileSync(module('github-markdown-css/github-markdown.css'), 'utf8');
const extensions = ['table', 'strikethrough', 'autolink', 'tagfilter', 'tasklist'].flatMap((name) => ['-e', name]);

/// GitHub's own renderer (Debian's package cmark-gfm), in a box as wide as GitHub's.
const page = (markdown) => `<!doctype html><meta charset="utf-8"><style>${css}
  body { margin: 0; padding: 16px; background: Canvas; color-scheme: light dark }
  article { border: 1px solid #8886; border-radius: 6px; padding: 16px; margin: auto; max-width: 980px }
</style><article class="markdown-body">${execFileSync('cmark-gfm', ['--unsafe', ...extensions], { input: markdown })}</article>`;

/// What GitHub's sanitiser leaves of what we write, and Mermaid's pictures. Answers with what a reader should not meet.
const asGitHubDoes = async (dark) => {
    const allowed = 'a b blockquote br code del details div em h1 h2 h3 h4 h5 h6 hr i img input kbd li ol p pre s span strong sub summary sup table tbody td th thead tr ul'.split(' ');
    const article = document.querySelector('article');
    for (const element of article.querySelectorAll('*')) {
        if (!allowed.includes(element.localName)) element.replaceWith(...element.childNodes);
        for (const { name } of [...element.attributes]) if (!/^(align|class|href|lang|open|title)$/.test(name)) element.removeAttribute(name);
    }
    const complaints = [];
    for (const element of article.querySelectorAll('p, li, td, th, summary, h1, h2, h3, h4')) {
        const copy = element.cloneNode(true);
        for (const code of copy.querySelectorAll('code')) code.remove();
        const odd = copy.textContent.match(/&#?\w+;|\\[^\w\s]|`|\*\*|<\/?\w+/);
        if (odd) complaints.push(`${odd[0]} in: ${copy.textContent.trim().slice(0, 100)}`);
    }
    if (article.querySelector('a[href]')) complaints.push(`a link: ${article.querySelector('a').href}`);
    globalThis.mermaid?.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'default' });
    for (const [n, code] of [...article.querySelectorAll('code.language-mermaid, pre[lang=mermaid] code')].entries()) {
        const details = code.closest('details');
        if (!details) complaints.push('a chart that is not folded');
        const { svg } = await mermaid.render(`chart${n}`, code.textContent).catch((error) => (complaints.push(`Mermaid: ${error}`), { svg: '!' }));
        code.parentElement.outerHTML = svg;
    }
    return complaints;
};

/// Of several steps, or several failures, it may be more than a screen.
const tooLarge = (mustFit) => {
    const complaints = [];
    const article = document.querySelector('article');
    const wide = [...article.querySelectorAll('p, li, h4, summary')].find((e) => e.scrollWidth > e.clientWidth + 1);
    if (document.documentElement.scrollWidth > innerWidth || wide) complaints.push(`too wide: ${(wide ?? article).textContent.slice(0, 60)}`);
    if (mustFit && article.offsetHeight > innerHeight) complaints.push(`${article.offsetHeight} pixels are more than a screen`);
    return complaints;
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stageproof-summary-'));
fs.mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
    for (const { name, summary } of await runAll(folder, names.length ? new RegExp(`^(${names.join('|')})`) : undefined)) {
        fs.writeFileSync(path.join(out, `${name}.md`), summary);
        const complaints = new Set();
        for (const [colorScheme, width] of [['light', 390], ['light', 1200], ['dark', 390], ['dark', 1200]]) {
            const tab = await browser.newPage({ colorScheme, viewport: { width, height: 844 } });
            await tab.setContent(page(summary));
            if (summary.includes('```mermaid')) await tab.addScriptTag({ path: module('@mermaid-js/tiny/dist/mermaid.tiny.js') });
            const complain = async (look, argument) => (await tab.evaluate(look, argument)).forEach((what) => complaints.add(what));
            await complain(asGitHubDoes, colorScheme === 'dark');
            await complain(tooLarge, width === 390 && !/^(job|smoke-fail.*|rehearse-fail)$/.test(name));
            const picture = (kind) => tab.screenshot({ path: path.join(out, `${name}-${colorScheme}-${width}${kind}.png`), fullPage: true });
            await picture('');
            await tab.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
            await complain(tooLarge, false);
            await picture('-open');
            await tab.close();
        }
        for (const complaint of complaints) {
            console.log(`${name}: ${complaint}`);
            process.exitCode = 1;
        }
    }
} finally {
    await browser.close();
    fs.rmSync(folder, { recursive: true });
}
