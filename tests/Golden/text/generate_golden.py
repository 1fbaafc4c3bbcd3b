#!/usr/bin/env python3
"""Writes unicode.json: what Python's unicodedata makes of every code point, as a second opinion on XClr.Text's generated tables.

blocks: for each 1024 code points (surrogates left out), SHA-256 over UTF-16LE of each one's canonical decomposition followed by
its lower case, in order (a single lower-case code point; U+0130, whose lower case is two, counts as i).
ordered: [text, decomposed] pairs with several combining marks, whose order canonical decomposition changes.
"""
import hashlib
import json
import pathlib
import random
import unicodedata

assert unicodedata.unidata_version >= "14.0.0", "needs the decompositions and lower-case letters of Debian 12's unicode-data"


def lower(char):
    return "i" if char == "\u0130" else char.lower()


def block(first):
    digest = hashlib.sha256()
    for code in range(first, first + 1024):
        if not 0xD800 <= code <= 0xDFFF:
            digest.update((unicodedata.normalize("NFD", chr(code)) + lower(chr(code))).encode("utf-16-le"))
    return digest.hexdigest()[:16]


def main():
    rng = random.Random(7)
    marks = [chr(c) for c in range(0x20000) if unicodedata.combining(chr(c))]
    bases = "ae\u00e9\u00c5\u1e9b\uac01\u0915\u05d0\U0001d15e"
    ordered = []
    for _ in range(60):
        text = "".join(rng.choice(bases) + "".join(rng.choices(marks, k=rng.randint(0, 5))) for _ in range(4))
        ordered.append([text, unicodedata.normalize("NFD", text)])
    golden = {"blocks": [block(first) for first in range(0, 0x110000, 1024)], "ordered": ordered}
    (pathlib.Path(__file__).parent / "unicode.json").write_text(json.dumps(golden, indent=0) + "\n")


main()
