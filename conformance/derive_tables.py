#!/usr/bin/env python3
"""Derive the tables of conformance/ps3_15 from a folder of standards data.

    python3 conformance/derive_tables.py SOURCE_DIR

SOURCE_DIR holds CSV extracts of PS3.3, PS3.6, PS3.15 and PS3.16 (the file names
stand in SOURCES). The output is deterministic: an edition change is a diff.
defaults.tsv and pixel_risk.tsv are judgements, kept by hand beside the derived
tables; this program only renews the digest line of every table.

Each table opens with lines that start with '# '. The line '# body sha256' is the
digest of everything after the last such line; the program reads it into the
identity of every plan, a test recomputes it.
"""
import collections
import csv
import hashlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "ps3_15")
SOURCES = {
    "e1_1": "ps3.15-e1-1.csv",
    "gaps": "e1-1-gaps.csv",
    "safe": "ps3.15-e3-10-1-safe-private.csv",
    "tcia": "tcia-private-tags.csv",
    "codes": "ps3.16-codes.csv",
    "dictionary": "ps3.6-dictionary.csv",
    "sop": "ps3.3-types/sop_class_iod.csv",
    "modules": "ps3.3-types/iod_modules.csv",
    "attributes": "ps3.3-types/module_attributes.csv",
}
NEMA = "facts of the DICOM standard (copyright NEMA)"
HAND_KEPT = ("defaults.tsv", "pixel_risk.tsv")

# Storage SOP Classes that PS3.3 defines but the type extract does not cover:
# they take the image IOD of their family.
FAMILY = {
    "1.2.840.10008.5.1.4.1.1.2.3": ("CT For Processing Image Storage", "ct-image"),
    "1.2.840.10008.5.1.4.1.1.2.4": ("Enhanced CT For Processing Image Storage", "enhanced-ct-image"),
    "1.2.840.10008.5.1.4.1.1.2.5": ("Enhanced Multi-energy CT For Processing Image Storage", "enhanced-ct-image"),
    "1.2.840.10008.5.1.4.1.1.3": ("Ultrasound Multi-frame Image Storage (Retired)", "ultrasound-multi-frame-image"),
    "1.2.840.10008.5.1.4.1.1.5": ("Nuclear Medicine Image Storage (Retired)", "nuclear-medicine-image"),
    "1.2.840.10008.5.1.4.1.1.6": ("Ultrasound Image Storage (Retired)", "ultrasound-image"),
}


def path_of(source, key):
    return os.path.join(source, SOURCES[key])


def read(source, key):
    with open(path_of(source, key), newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def write(name, head, columns, rows):
    """Write one table: comment head, body digest, column names as last comment."""
    body = "".join("\t".join(r) + "\n" for r in rows)
    for row in rows:
        assert all("\t" not in c and "\n" not in c for c in row), (name, row)
    mark = hashlib.sha256(body.encode()).hexdigest()
    lines = head + ["body sha256 " + mark, "\t".join(columns)]
    with open(os.path.join(OUT, name), "w", encoding="utf-8", newline="") as f:
        f.write("".join("# " + l + "\n" for l in lines) + body)
    print("%-22s %6d rows %7d bytes" % (name, len(rows), len(body)))


def head(source, keys, what, edition, licence):
    lines = [what, "edition " + edition, "licence: " + licence]
    for key in keys:
        lines.append("source %s sha256 %s" % (SOURCES[key], digest(path_of(source, key))))
    return lines


def table_e1_1(source):
    rows = read(source, "e1_1")
    columns = [c for c in rows[0] if c != "name"]
    write("table_e1_1.tsv",
          head(source, ["e1_1"], "PS3.15 Table E.1-1 with keyword, VR, VM of PS3.6", "2026d", NEMA),
          columns, [[r[c] for c in columns] for r in sorted(rows, key=lambda r: r["tag"])])


def gaps(source):
    rows = read(source, "gaps")
    columns = ["tag", "keyword", "vr", "class", "why"]
    write("gaps.tsv",
          head(source, ["gaps"], "Attributes outside Table E.1-1 that need a decision", "judged against 2026d",
               "own work, as the project"),
          columns, [[r[c] for c in columns] for r in sorted(rows, key=lambda r: r["tag"])])


def safe_private(source):
    rows = [[r["group"], r["element_offset"], r["private_creator"], r["vr"], r["meaning"]]
            for r in read(source, "safe")]
    write("safe_private.tsv",
          head(source, ["safe"], "PS3.15 Table E.3.10-1: private attributes thought safe", "2026d", NEMA),
          ["group", "low_byte", "private_creator", "vr", "meaning"], sorted(rows))


def tcia_steps(path):
    """00081084/312F["creator"]10 -> [("0008", "", "1084"), ("312F", "creator", "10")]"""
    steps, rest = [], path
    while rest:
        group, rest = rest[:4], rest[4:]
        creator = ""
        if rest.startswith('["'):
            creator, rest = rest[2:].split('"]', 1)
        cut = rest.find("/")
        low, rest = (rest, "") if cut < 0 else (rest[:cut], rest[cut + 1:])
        steps.append((group.upper(), creator, low.upper()))
    return steps


def tcia_private(source):
    """Only what differs from 'remove' is stored; attributes whose rows disagree are removed.

    A path step is GGGGEE (private) or GGGGEEEE (standard); the creators of the
    enclosing private sequences are dropped, the leaf keeps its own.
    """
    verdicts = collections.defaultdict(set)
    for r in read(source, "tcia"):
        steps = tcia_steps(r["path"])
        path = "/".join(g + e for g, _, e in steps)
        verdicts[(path, steps[-1][1], r["vr"])].add(r["disposition"])
    rows = []
    for (path, creator, vr), found in sorted(verdicts.items()):
        verdict = found.pop() if len(found) == 1 else "d"
        if verdict == "na":
            verdict = "k" if vr == "SQ" else "d"
        if verdict in ("k", "h", "o"):
            rows.append([path, creator, vr, verdict])
    write("tcia_private.tsv",
          head(source, ["tcia"], "TCIA private tag knowledge base: k keep, h keyed UID, o shift date; all else removed",
               "2024-02-01", "public table of The Cancer Imaging Archive, taken from an Apache-2.0 repository"),
          ["path", "private_creator", "vr", "disposition"], rows)


def codes(source):
    rows = [[r["code_value"], r["coding_scheme"], r["code_meaning"], r["option"], r["ps3.15_section"]]
            for r in read(source, "codes") if r["cid"] == "7050"]
    write("codes_cid7050.tsv",
          head(source, ["codes"], "PS3.16 CID 7050 De-identification Method", "2026d", NEMA),
          ["code_value", "scheme", "code_meaning", "option", "clause"], rows)


def sop_class_iod(source):
    rows = [[r["sop_class_uid"], r["iod"], r["sop_class_name"]] for r in read(source, "sop")]
    known = {r[0] for r in rows}
    rows += [[uid, iod, name] for uid, (name, iod) in FAMILY.items() if uid not in known]
    rows.sort()
    write("sop_class_iod.tsv",
          head(source, ["sop"], "Storage SOP Class to IOD; classes without an own IOD row take that of their family",
               "2026b", NEMA + ", extract under MIT"),
          ["sop_class_uid", "iod", "name"], rows)
    return sorted({r[1] for r in rows})


def defaults():
    """Selectors of defaults.tsv: VR or tag -> action."""
    with open(os.path.join(OUT, "defaults.tsv"), encoding="utf-8") as f:
        rows = [l.rstrip("\n").split("\t") for l in f if not l.startswith("#")]
    return {r[0]: r[1] for r in rows}


def wanted_types(source):
    """Tag -> the Types (of 1, 2) that change its decision; see deid/types.rs."""
    need = {}
    for r in read(source, "e1_1"):
        if r["tag"] in ("private", "50xxxxxx", "60xx3000", "60xx4000") or r["tag"] < "00080000":
            continue
        first = r["basic"].split("/")[0]
        need[r["tag"]] = {"X": "12", "Z": "1", "D": "1"}.get(first, "")
    for r in read(source, "gaps"):
        need[r["tag"]] = "" if r["class"].startswith("uid-") else "12"
    rule = defaults()
    for r in read(source, "dictionary"):
        tag = r["tag"]
        if tag in need or "x" in tag or tag < "00080000" or tag > "FFF00000":
            continue
        action = rule.get(tag) or rule.get("VR:" + r["vr"].split("|")[0], "by-type")
        need[tag] = "12" if action in ("by-type", "date", "device") else ""
    return {t: n for t, n in need.items() if n}


def gone_sequences(source):
    """Sequences whose items never reach the output, whatever the options."""
    built = ["retain_uids", "retain_device_identity", "retain_institution_identity",
             "retain_patient_characteristics"]
    gone = {r["tag"] for r in read(source, "e1_1")
            if r["vr"] == "SQ" and r["basic"] in ("X", "Z", "D") and not any(r[c] for c in built)}
    rule = defaults()
    gone |= {r["tag"] for r in read(source, "dictionary") if r["vr"] == "SQ" and rule.get(r["tag"]) == "remove"}
    gone |= {r["tag"] for r in read(source, "gaps") if r["vr"] == "SQ"}
    return gone


def types(source, iods):
    """Write, as a tree of paths, which IODs give an attribute Type 1 or 2 there.

    A conditional Type counts as its unconditional one (the attribute is there, so
    its condition is taken to hold); of several modules of one IOD the strictest counts.
    Type 3 and 'not at that place' lead to the same action and are left out.
    """
    need, gone = wanted_types(source), gone_sequences(source)
    modules = collections.defaultdict(list)
    for r in read(source, "attributes"):
        steps = r["path"].split("/")
        kind = r["type"].rstrip("C")
        if kind in need.get(steps[-1], "") and not any(s in gone for s in steps[:-1]):
            modules[r["module"]].append((tuple(steps), kind))
    strict = collections.defaultdict(dict)
    for r in read(source, "modules"):
        if r["iod"] not in iods:
            continue
        for steps, kind in modules.get(r["module"], ()):
            old = strict[steps].get(r["iod"], "9")
            strict[steps][r["iod"]] = min(old, kind)
    write_types(source, strict)


def write_types(source, strict):
    by_path, sets = {}, {}
    for steps, kinds in strict.items():
        groups = {k: tuple(sorted(i for i, t in kinds.items() if t == k)) for k in "12"}
        by_path[steps] = {k: g for k, g in groups.items() if g}
        for i in range(1, len(steps)):
            by_path.setdefault(steps[:i], {})
    for steps in sorted(by_path):
        for group in by_path[steps].values():
            sets.setdefault(group, str(len(sets)))
    rows = [["set", number, " ".join(group), ""] for group, number in sets.items()]
    for steps in sorted(by_path):
        kinds = by_path[steps]
        rows.append([str(len(steps) - 1), steps[-1]] + [sets[kinds[k]] if k in kinds else "" for k in "12"])
    write("types.tsv",
          head(source, ["attributes", "modules", "e1_1", "gaps", "dictionary"],
               "Where an attribute is Type 1 or 2, per IOD and path (first the sets of IODs, then the tree of paths)",
               "2026b x 2026d", NEMA + ", extract under MIT"),
          ["set | depth", "number | tag", "iods | set of Type 1", "set of Type 2"], rows)


def renew_hand_kept():
    for name in HAND_KEPT:
        path = os.path.join(OUT, name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines(keepends=True)
        heads = [l for l in lines if l.startswith("#") and not l.startswith("# body sha256")]
        body = "".join(l for l in lines if not l.startswith("#"))
        mark = "# body sha256 %s\n" % hashlib.sha256(body.encode()).hexdigest()
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write("".join(heads[:-1]) + mark + heads[-1] + body)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = sys.argv[1]
    renew_hand_kept()
    table_e1_1(source)
    gaps(source)
    safe_private(source)
    tcia_private(source)
    codes(source)
    types(source, set(sop_class_iod(source)))


if __name__ == "__main__":
    main()
