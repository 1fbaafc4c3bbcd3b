#!/usr/bin/env python3
"""Writes UnicodeTables.Generated.cs beside this file from Debian's package unicode-data.

usage: python3 generate_tables.py [/usr/share/unicode]

Why tables of our own: the project runs with InvariantGlobalization, where string.Normalize does nothing outside
ASCII, and token ids must not depend on the machine's ICU.

Kinds (deleted, space, punctuation, nonspacing mark) follow the reference tokenizer, whose category tables are those of
Unicode 8.0: later characters are unassigned to it, and stay in their word. DerivedAge.txt gives each character's version; the
few characters whose category changed after 8.0 are listed in CHANGED_AFTER_8. Decompositions, combining classes and
lower case are those of the package's version.
"""
import pathlib
import sys

DELETED, SPACE, PUNCTUATION, MARK = 1, 2, 3, 4
CATEGORY_VERSION = (8, 0)
CHANGED_AFTER_8 = {0x166D: "Po", 0x1734: "Mn", 0x1885: "Lo", 0x1886: "Lo", 0xA9BD: "Mc", 0x111C9: "Po"}
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic, not by table


def read_characters(folder):
    """Yields (code point, fields) of every assigned character, ranges expanded."""
    first = None
    for line in (folder / "UnicodeData.txt").read_text().splitlines():
        fields = line.split(";")
        code = int(fields[0], 16)
        if fields[1].endswith(", First>"):
            first = code
        elif fields[1].endswith(", Last>"):
            for c in range(first, code + 1):
                yield c, fields
        else:
            yield code, fields


def read_ages(folder):
    ages = {}
    for line in (folder / "DerivedAge.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            span, age = (part.strip() for part in line.split(";"))
            ends = [int(end, 16) for end in span.split("..")]
            for c in range(ends[0], ends[-1] + 1):
                ages[c] = tuple(int(part) for part in age.split("."))
    return ages


def kind_of(category):
    if category in ("Cc", "Cf", "Co"):
        return DELETED
    if category in ("Zs", "Zl", "Zp"):
        return SPACE
    if category.startswith("P"):
        return PUNCTUATION
    return MARK if category == "Mn" else 0


def value_ranges(values):
    """Sorted (first, last, value) of neighbours with one value; zero values are left out."""
    ranges = []
    for code in sorted(values):
        value = values[code]
        if value == 0:
            continue
        if ranges and ranges[-1][1] == code - 1 and ranges[-1][2] == value:
            ranges[-1][1] = code
        else:
            ranges.append([code, code, value])
    return ranges


def lower_ranges(lower):
    """Sorted (first, last, step, delta) of letters whose lower case lies at one distance."""
    ranges = []
    for code in sorted(lower):
        delta = lower[code] - code
        if ranges:
            first, last, step, known = ranges[-1]
            gap = code - last
            if known == delta and gap in (1, 2) and (first == last or gap == step):
                ranges[-1] = [first, code, gap, delta]
                continue
        ranges.append([code, code, 1, delta])
    return ranges


def full_decomposition(code, direct):
    if code not in direct:
        return [code]
    return [part for inner in direct[code] for part in full_decomposition(inner, direct)]


def utf16(code):
    if code < 0x10000:
        return [code]
    code -= 0x10000
    return [0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)]


def table(name, kind, numbers, comment):
    lines = [f"    /// <summary>{comment}</summary>", f"    internal static ReadOnlySpan<{kind}> {name} =>", "    ["]
    line = ""
    for number in numbers:
        text = (f"0x{number:X}" if number > 9 else str(number)) if number >= 0 else str(number)
        if len(line) + len(text) > 150:
            lines.append("        " + line.rstrip())
            line = ""
        line += text + ", "
    return lines + ["        " + line.rstrip(), "    ];", ""]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
    ages = read_ages(folder)
    kinds, classes, lower, direct = {}, {}, {}, {}
    for code, fields in read_characters(folder):
        if ages[code] <= CATEGORY_VERSION:
            kinds[code] = kind_of(CHANGED_AFTER_8.get(code, fields[2]))
        classes[code] = int(fields[3])
        if fields[13] and not fields[1].startswith("<"):
            lower[code] = int(fields[13], 16)
        if fields[5] and not fields[5].startswith("<") and code not in HANGUL:
            direct[code] = [int(part, 16) for part in fields[5].split()]
    decomposed = [(code, [unit for part in full_decomposition(code, direct) for unit in utf16(part)]) for code in sorted(direct)]
    ends, total = [], 0
    for _, units in decomposed:
        total += len(units)
        ends.append(total)
    kind_table, class_table, lower_table = value_ranges(kinds), value_ranges(classes), lower_ranges(lower)
    lines = ["// <auto-generated>Written by generate_tables.py from Debian's unicode-data; edit that, not this.</auto-generated>",
             "namespace XClr.Text.Unicode;", "", "internal static class UnicodeTables", "{"]
    lines += table("KindFirst", "int", [r[0] for r in kind_table], "First code point of each range with a kind, ascending.")
    lines += table("KindLast", "int", [r[1] for r in kind_table], "Last code point of each range of KindFirst.")
    lines += table("KindValue", "byte", [r[2] for r in kind_table], "The range's CharacterKind.")
    lines += table("ClassFirst", "int", [r[0] for r in class_table], "First code point of each range with a combining class.")
    lines += table("ClassLast", "int", [r[1] for r in class_table], "Last code point of each range of ClassFirst.")
    lines += table("ClassValue", "byte", [r[2] for r in class_table], "The range's canonical combining class.")
    lines += table("LowerFirst", "int", [r[0] for r in lower_table], "First code point of each range that has lower case.")
    lines += table("LowerLast", "int", [r[1] for r in lower_table], "Last code point of each range of LowerFirst.")
    lines += table("LowerStep", "byte", [r[2] for r in lower_table], "1: every code point of the range; 2: every other one.")
    lines += table("LowerDelta", "int", [r[3] for r in lower_table], "What is added to reach the lower case.")
    lines += table("DecomposedCode", "int", [d[0] for d in decomposed], "Code points with a canonical decomposition, ascending.")
    lines += table("DecomposedEnd", "ushort", ends, "End of each one's UTF-16 text in DecomposedText (it starts at its neighbour's end).")
    lines += table("DecomposedText", "ushort", [u for d in decomposed for u in d[1]], "Full canonical decompositions, UTF-16.")
    text = "\n".join(lines).rstrip() + "\n}\n"
    (pathlib.Path(__file__).parent / "UnicodeTables.Generated.cs").write_text(text)
    print(f"{len(kind_table)} kinds, {len(class_table)} classes, {len(lower_table)} lower-case ranges, {len(decomposed)} decompositions")


main()
