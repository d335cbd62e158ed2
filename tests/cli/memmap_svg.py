#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks a picture of a map against the JSON document of the same map: well-formed, self-contained,
the strip to scale and without holes, its sums by type those of the document, and each row's bar
as long as the logarithm of its pages.

usage: memmap_svg.py PICTURE DOCUMENT
"""
import json
import math
import sys
import xml.etree.ElementTree

NS = '{http://www.w3.org/2000/svg}'


def check(good, what):
    if not good:
        sys.exit('memmap_svg.py: ' + what)


def rects(svg, kind):
    return [dict(r.attrib, pages=int(r.get('data-pages'))) for r in svg.iter(NS + 'rect')
            if r.get('class') == kind]


def sums(bars):
    by_type = {}
    for bar in bars:
        name = bar['data-type']
        by_type[name] = by_type.get(name, 0) + 4096 * bar['pages']
    return {name: min(size, 2**63 - 1) for name, size in by_type.items()}


def main(picture, document):
    svg = xml.etree.ElementTree.parse(picture).getroot()
    with open(document, encoding='utf-8') as f:
        summary = json.load(f)['summary']
    want = summary['by_type']
    check(svg.tag == NS + 'svg', 'no SVG document')
    for element in svg.iter():
        check(element.tag.startswith(NS), 'an element of another kind: ' + element.tag)
        check(not any('href' in name or 'url(' in value for name, value in element.attrib.items()),
              'something from elsewhere')
    strip, rows = rects(svg, 'scale'), rects(svg, 'log')
    check(sums(strip) == want, 'sums of the strip: %r, want %r' % (sums(strip), want))
    check(sums(rows) == want, 'sums of the rows: %r, want %r' % (sums(rows), want))
    total, x = sum(bar['pages'] for bar in strip), 20.0
    for bar in strip:
        check(abs(float(bar['x']) - x) < 0.01, 'the strip has a hole at %f' % x)
        check(abs(float(bar['width']) - 960.0 * bar['pages'] / total) < 0.01, 'not to scale: %r' % bar)
        x += 960.0 * bar['pages'] / total
    largest = max(bar['pages'] for bar in rows)
    for bar in rows:
        length = 300.0 * (1 + math.log2(bar['pages'])) / (1 + math.log2(largest)) if bar['pages'] else 0
        check(abs(float(bar['width']) - length) < 0.05, 'not logarithmic: %r, want %f' % (bar, length))
    colours = {r.get('fill') for r in svg.iter(NS + 'rect') if r.get('class') == 'legend'}
    check(colours == {bar['fill'] for bar in strip} and len(colours) == len(want), 'the legend')
    bottom = float(svg.get('height'))
    for element in svg.iter():
        check(float(element.get('y', 0)) + float(element.get('height', 0) if element is not svg else 0)
              <= bottom, 'outside of the picture: %r' % element.attrib)


main(sys.argv[1], sys.argv[2])
