#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks a page or a picture of a scan against the JSON document of the same report: well-formed XML, nothing that
runs or comes from elsewhere, every service with its verdict and an arrow to the card of its driver, cards that do not
overlap, drivers to scale in the enlarged bar, and the tables' rows.

usage: scan_page.py PAGE DOCUMENT
       scan_page.py --harness PAGE OUT     the page with a script that measures it, for a browser
       scan_page.py --measured DOM         what that script wrote into the page
"""
import json
import re
import sys
import xml.etree.ElementTree as ET

SVG, XHTML = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xhtml}'
SVG_TAGS = {'svg', 'title', 'style', 'rect', 'text', 'tspan', 'path', 'g', 'circle'}
HTML_TAGS = {'html', 'head', 'meta', 'title', 'style', 'body', 'header', 'p', 'h1', 'h2', 'h3', 'span', 'div', 'strong', 'br',
             'figure', 'section', 'article', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'a', 'details', 'summary', 'ul',
             'li', 'footer'}
MEASURE = '''
const bad = [], say = (t) => bad.push(t), box = (e) => e.getBoundingClientRect();
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
if (document.documentElement.scrollWidth > window.innerWidth) say("wider than the window");
const svg = document.querySelector("svg.rs");
for (const g of svg.querySelectorAll(".rs-service, .rs-driver")) {
    const card = box(g.querySelector("rect")), texts = [];
    for (const t of g.querySelectorAll("text")) {
        const clip = t.parentElement !== g && t.parentElement.tagName === "svg" ? t.parentElement : null;
        let b = box(t);
        if (clip) {
            const to = svg.getScreenCTM(), [x, y, w, h] = ["x", "y", "width", "height"].map((k) => clip[k].baseVal.value);
            const c = new DOMRect(to.e + to.a * x, to.f + to.d * y, to.a * w, to.d * h);
            b = {left: Math.max(b.left, c.left), right: Math.min(b.right, c.right), top: Math.max(b.top, c.top),
                 bottom: Math.min(b.bottom, c.bottom)};
        }
        if (!inside(b, card)) say("a text leaves its card: " + t.textContent);
        /* lines may touch */
        b = {left: b.left, right: b.right, top: b.top + 3, bottom: b.bottom - 3};
        for (const other of texts)
            if (meet(b, other.b)) say("texts of a card overlap: " + t.textContent + ", " + other.t.textContent);
        texts.push({b: b, t: t});
    }
}
const rest = [...svg.querySelectorAll("text")].filter((t) => !t.closest(".rs-service, .rs-driver"));
for (let i = 0; i < rest.length; i++) {
    if (!inside(box(rest[i]), box(svg))) say("a text leaves the picture: " + rest[i].textContent);
    for (let k = 0; k < i; k++)
        if (meet(box(rest[i]), box(rest[k]))) say("texts overlap: " + rest[i].textContent + ", " + rest[k].textContent);
}
for (const t of document.querySelectorAll("h1, p, td, th, li"))
    if (!t.closest(".wide") && box(t).right > window.innerWidth + 1) say("a text leaves the page: " + t.textContent);
const out = document.createElement("pre");
out.id = "measured";
out.textContent = JSON.stringify({bad: bad.slice(0, 5), texts: svg.querySelectorAll("text").length,
    dark: window.matchMedia("(prefers-color-scheme:dark)").matches, back: getComputedStyle(svg.querySelector("rect")).fill});
document.body.append(out);
'''


def check(good, *what):
    if not good:
        sys.exit('scan_page.py: ' + ' '.join(str(w) for w in what))


def check_safe(root):
    """Elements that we know, no addresses but those within the page."""
    ids = {e.get('id') for e in root.iter() if e.get('id')}
    for e in root.iter():
        if e.tag.startswith(SVG):
            check(e.tag[len(SVG):] in SVG_TAGS, 'element', e.tag)
        else:
            check(e.tag.startswith(XHTML) and e.tag[len(XHTML):] in HTML_TAGS, 'element', e.tag)
        for name, value in e.attrib.items():
            check(not name.startswith('on') and name not in ('src', 'style') and 'url(' not in value, 'attribute', name, value)
            if name.endswith('href'):
                check(value[0] == '#' and value[1:] in ids, 'a link to', value)
        if e.tag.endswith('}style'):
            check('url(' not in e.text and '@import' not in e.text, 'style')


def rect(e):
    return [float(e.get(k)) for k in ('x', 'y', 'width', 'height')]


def check_services(svg, doc, cards):
    drawn = [g for g in svg.iter(SVG + 'g') if g.get('class') == 'rs-service']
    check([g.get('data-service') for g in drawn] == [s['name'] for s in doc['services']], 'services')
    check([g.get('data-verdict') for g in drawn] == [s['verdict'] for s in doc['services']], 'verdicts')
    arrows = {p.get('data-service'): p for p in svg.iter(SVG + 'path') if p.get('data-service')}
    for s in doc['services']:
        arrow, want = arrows.get(s['name']), None
        if s['driver'] is not None:
            want = doc['drivers'][s['driver']]['base']
        elif s['physical'] is not None and s['verdict'] != 'not in image':
            want = hex(int(s['physical'], 16) & ~0xfff)
        check((arrow is None) == (want is None), 'an arrow of', s['name'])
        if arrow is None:
            continue
        check(arrow.get('data-to') == want, 'the arrow of', s['name'], 'to', arrow.get('data-to'), 'not', want)
        check(('bad' in arrow.get('class')) == (s['verdict'] in ('modified', 'foreign')), 'the colour of', s['name'])
        end = [float(v) for v in arrow.get('d').split()[-2:]]
        hit = [c for c in cards if c[1] <= end[1] <= c[1] + c[3] and c[4] == want]
        check(hit and hit[0][0] - end[0] < 10, 'the arrow of', s['name'], 'ends beside its card')


def check_cards(svg, doc):
    cards = [rect(g.find(SVG + 'rect')) + [g.get('data-base')] for g in svg.iter(SVG + 'g') if g.get('class') == 'rs-driver']
    bottom = float(svg.get('height'))
    order = [int(c[4], 16) for c in cards]
    check(order == sorted(order), 'cards by address')
    for a, b in zip(cards, cards[1:]):
        check(a[1] + a[3] < b[1], 'cards overlap', a, b)
    check(all(c[1] + c[3] < bottom for c in cards), 'cards below the end')
    bases = {d['base'] for d in doc['drivers']}
    check(len(doc['drivers']) > 82 or bases <= {c[4] for c in cards}, 'drivers without a card')
    served = {doc['drivers'][s['driver']]['base'] for s in doc['services'] if s['driver'] is not None}
    served |= {doc['drivers'][f['driver']]['base'] for f in doc['findings'] if f['driver'] is not None}
    check(served <= {c[4] for c in cards}, 'drivers that matter without a card')
    return cards


def check_scale(svg, cards):
    """Blocks in the order of their addresses, as long as their sizes say, where they can be seen at all."""
    blocks = [(int(r.get('data-base'), 16), int(r.get('data-size'))) + tuple(rect(r)[1::2])
              for r in svg.iter(SVG + 'rect') if r.get('data-size')]
    check(len(blocks) == len(cards), len(blocks), 'blocks for', len(cards), 'cards')
    seen = [(size, height) for _, size, _, height in blocks if height > 3.1 and size < 1 << 62]
    for size, height in seen:
        check(abs(height / size - seen[0][1] / seen[0][0]) < 0.01 * height / size + 0.01 / size, 'not to scale', size, height)
    for a, b in zip(blocks, blocks[1:]):
        check(a[2] <= b[2] + 3.1, 'blocks by address', a, b)
        if a[0] + a[1] <= b[0] and a[3] > 3.1:
            check(a[2] + a[3] <= b[2] + 0.05, 'blocks overlap', a, b)


def rows(page, title):
    for section in page.iter(XHTML + 'section'):
        head = section.find(XHTML + 'h2')
        if head is not None and head.text == title:
            return [tr for body in section.iter(XHTML + 'tbody') for tr in body.iter(XHTML + 'tr')]
    return []


def text(e):
    return ''.join(e.itertext())


def check_tables(page, doc):
    services = rows(page, 'Services')
    check([text(tr[0]) for tr in services] == [s['name'] for s in doc['services']], 'rows of services')
    for tr, s in zip(services, doc['services']):
        check([text(tr[1]), text(tr[2])] == [s['pointer'] or '-', s['physical'] or '-'], 'addresses of', s['name'])
        check(text(tr[3]).split(' ', 1)[1] == s['verdict'], 'verdict of', s['name'])
    drivers = rows(page, 'Drivers')
    check(len(drivers) == len(doc['drivers']), 'rows of drivers')
    for tr, d in zip(drivers, doc['drivers']):
        check(text(tr[1]).startswith(d['base']), 'base', d['base'])
        check(d['guid'] is None or d['guid'] in text(tr[0]), 'GUID', d['guid'])
        check([td.get('title').split(': ')[1] for td in tr[4:11]] == list(d['views'].values()), 'views of', d['base'])
    findings = list(page.iter(XHTML + 'article'))
    check(len(findings) == len(doc['findings']), 'findings')
    for a, f in zip(findings, doc['findings']):
        check(f['severity'] in text(a[0]) and f['rule'] in text(a[0]), 'finding', f['rule'])
        check((f['innocent_if'] is not None) == ('Innocent if' in text(a)), 'innocent explanation of', f['rule'])
    for note in doc['notes']:
        clean = re.sub('[^ -~]', '', note)
        check(any(clean in re.sub('[^ -~]', '', text(li)) for li in page.iter(XHTML + 'li')), 'note', note)


def page_and_document(page, document):
    with open(page, 'rb') as f:
        raw = f.read()
    shown = raw.decode('utf-8', 'strict')
    check(not re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]', shown), 'control characters')
    root = ET.fromstring(raw)
    with open(document, encoding='ascii') as f:
        doc = json.load(f)
    check_safe(root)
    svgs = [e for e in root.iter(SVG + 'svg') if e.get('class') == 'rs']
    check(len(svgs) == 1, len(svgs), 'pictures')
    cards = check_cards(svgs[0], doc)
    check_services(svgs[0], doc, cards)
    check_scale(svgs[0], cards)
    if root.tag == XHTML + 'html':
        check_tables(root, doc)


def harness(page, out):
    with open(page, encoding='utf-8') as f:
        whole = f.read()
    with open(out, 'w', encoding='utf-8') as f:
        f.write(whole.replace('</body>', '<script>' + MEASURE + '</script></body>'))


def measured(dom):
    with open(dom, encoding='utf-8') as f:
        found = re.search('<pre id="measured">(.*?)</pre>', f.read(), re.S)
    check(found, 'the browser ran no script')
    result = json.loads(found[1].replace('&lt;', '<').replace('&gt;', '>').replace('&amp;', '&'))
    check(not result['bad'], *result['bad'])
    check(result['texts'] > 14, 'texts')
    print(result['dark'], result['back'])


if sys.argv[1] == '--harness':
    harness(*sys.argv[2:])
elif sys.argv[1] == '--measured':
    measured(*sys.argv[2:])
else:
    page_and_document(*sys.argv[1:])
