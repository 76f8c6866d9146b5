#!/usr/bin/env python3
"""src/dataset/FORMAT.md against datasets, by h5py: every row of its tables is so, and nothing is in the files that the
tables do not have. Prints what disagrees.

    check_format.py FORMAT.md OUTPUT[:COLUMN,...] ...   COLUMN: further columns of the manifest

All outputs together must show every row of the tables once.
"""

import hashlib
import json
import re
import sys
from pathlib import Path

import h5py
import numpy
from h5py import h5d, h5t, h5z

problems = []


def check(holds, *what):
    if not holds:
        problems.append(" ".join(str(part) for part in what))
    return holds


def equal(found, expected, *what):
    return check(found == expected, *what, f"is {found}, the page says {expected}")


def spans(cell):
    """What stands in `code` in a cell."""
    return re.findall(r"`([^`]*)`", cell)


class Page:
    """The tables of the page, by their first row; rows are dicts, and remember whether a file had what they say."""

    def __init__(self, path):
        self.tables = {}
        self.unseen = {}
        head = None
        for line in Path(path).read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
            if cells is None:
                head = None
            elif head is None:
                head = tuple(cells)
            elif not set(line) <= set("|-"):
                row = dict(zip(head, cells, strict=True))
                self.tables.setdefault(head, []).append(row)
                self.unseen[id(row)] = row
        self.enums = {spans(row["enum"])[0]: row["members"] for row in self.rows("enum", "members")}

    def rows(self, *head):
        found = [rows for names, rows in self.tables.items() if names[: len(head)] == head]
        if not found:
            sys.exit(f"the page has no table that begins with {head}")
        return found[0]

    def see(self, row):
        self.unseen.pop(id(row), None)


page = Page(sys.argv[1])
files = page.rows("file", "what")
types = page.rows("here")
enums = page.rows("enum")
columns = page.rows("column", "type")
datasets = page.rows("dataset", "file")
attributes = page.rows("object", "attribute")
formats = page.rows("format", "dataset")
job_keys = page.rows("key", "what")
trace_tables = page.rows("table", "a row is")
trace_columns = page.rows("table", "column")
trace_attributes = {"format_version": ("int64", 1), "groups": ("text", None)}  # said in a sentence


def type_name(type_id):
    """As the page calls it; enums by their members."""
    if isinstance(type_id, h5t.TypeEnumID):
        members = range(type_id.get_nmembers())
        names = [f"{type_id.get_member_name(i).decode()} {type_id.get_member_value(i)}" for i in members]
        return f"enum {type_id.get_size()}: {', '.join(names)}"
    if isinstance(type_id, h5t.TypeStringID):
        if type_id.is_variable_str():
            return "text" if type_id.get_cset() == h5t.CSET_UTF8 else "text, ASCII"
        kind = {h5t.STR_NULLPAD: "ascii", h5t.STR_NULLTERM: "asciiz"}.get(type_id.get_strpad(), "string")
        return f"{kind}[{type_id.get_size()}]" + ("" if type_id.get_cset() == h5t.CSET_ASCII else ", UTF-8")
    if isinstance(type_id, h5t.TypeVlenID):
        return "bytes" if type_name(type_id.get_super()) == "uint8" else "sequence"
    order = "" if type_id.get_order() == h5t.ORDER_LE else ", big-endian"
    if isinstance(type_id, h5t.TypeFloatID):
        return f"float{8 * type_id.get_size()}{order}"
    sign = "" if type_id.get_sign() == h5t.SGN_2 else "u"
    return f"{sign}int{8 * type_id.get_size()}{order}"


def documented_type(cell):
    if cell.startswith("enum "):
        return f"enum 1: {page.enums[cell.removeprefix('enum ')]}"
    return cell


def type_seen(cell):
    name = re.sub(r"\d+\]", "N]", cell) if "[" in cell else cell
    for row in types:
        if name in spans(row["here"]) or (name.startswith("enum") and "`enum NAME`" in row["here"]):
            page.see(row)
            break
    else:
        problems.append(f"the type {cell} is not explained")
    for row in enums:
        if cell == f"enum {spans(row['enum'])[0]}":
            page.see(row)


def check_type(of, cell, *what):
    type_seen(cell)
    of = of if isinstance(of, h5py.h5a.AttrID) else of.id
    equal(type_name(of.get_type()), documented_type(cell), *what, "type")


def filters_of(dataset):
    creation = dataset.id.get_create_plist()
    names = []
    for i in range(creation.get_nfilters()):
        code, _, values, _ = creation.get_filter(i)
        level = values[0] if values else ""
        names.append({h5z.FILTER_SHUFFLE: "shuffle", h5z.FILTER_DEFLATE: f"deflate {level}"}.get(code, str(code)))
    return ", ".join(names) or "none"


def layout_of(dataset):
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5d.CHUNKED:
        return list(dataset.chunks)
    return {h5d.CONTIGUOUS: "contiguous", h5d.VIRTUAL: "virtual"}[layout]


def shape_in(cell, sizes):
    if not cell.startswith("["):
        return cell
    return eval(cell.replace("/", "//"), {"min": min}, dict(sizes))  # noqa: S307 (the page is ours)


def check_attributes(obj, name, kind, where):
    """`kind`: index or shard."""
    documented = {}
    for row in attributes:
        if row["object"] == f"`{name}`" and kind in row["file"]:
            documented[spans(row["attribute"])[0]] = row
    equal(sorted(obj.attrs), sorted(documented), where, "attributes")
    for attribute in set(obj.attrs) & set(documented):
        row = documented[attribute]
        page.see(row)
        value = obj.attrs[attribute]
        what = (where, "attribute", attribute)
        check_type(obj.attrs.get_id(attribute), row["type"], *what)
        equal(obj.attrs.get_id(attribute).shape, (), *what, "shape")
        literals = spans(row["value"])
        if not re.sub(r"`[^`]*`|,| or ", "", row["value"]):  # nothing else in the cell
            text = value.decode() if isinstance(value, bytes) else str(value)
            patterns = [re.escape(literal).replace("jpeg:Q", r"jpeg:\d+") for literal in literals]
            check(any(re.fullmatch(pattern, text) for pattern in patterns), *what, "is", text, "not", literals)


def check_column(dataset, row, size, where):
    """One of /samples, or of a trace's table."""
    page.see(row)
    check_type(dataset, row["type"], where)
    equal(dataset.shape, (size,), where, "shape")
    equal(dataset.attrs["units"], spans(row["units"])[0], where, "units")


def check_storage(dataset, name, kind, sizes, where):
    for row in datasets:
        if row["dataset"] == f"`{name}`" and kind in row["file"]:
            break
    else:
        problems.append(f"{where} is not on the page")
        return
    page.see(row)
    if row["type"] != "as above":
        check_type(dataset, row["type"], where)
    equal(list(dataset.shape), shape_in(row["shape"], sizes), where, "shape")
    equal(layout_of(dataset), shape_in(row["chunk"], sizes), where, "chunk")
    equal(filters_of(dataset), row["filters"], where, "filters")


def check_samples(group, kind, further, is_raw, where):
    documented = {spans(row["column"])[0]: row for row in columns if spans(row["column"])}
    any_other = [row for row in columns if not spans(row["column"])][0]
    always = {name for name, row in documented.items() if row["there"] == "always"}
    sometimes = set() if is_raw else {"encoded_sha256"}
    if "seed_in_manifest" in group:
        check(any(group["seed_in_manifest"].asstr()[:]), where, "seed_in_manifest is there, and empty")
        sometimes.add("seed_in_manifest")
    equal(sorted(group), sorted(always | sometimes | set(further)), where, "columns")
    equal(sorted(documented), sorted(always | {"seed_in_manifest", "encoded_sha256"}), where, "columns of the page")
    size = len(group["id"])
    for name in group:
        what = f"{where}/{name}"
        check_column(group[name], documented.get(name, any_other), size, what)
        check_storage(group[name], "/samples/COLUMN", kind, {"N": size}, what)
        check_attributes(group[name], "/samples/COLUMN", kind, what)


def check_rows(table, where):
    """What the page says of order, statuses and hashes."""
    rows = list(zip(table["row"], table["copy"]))
    check(rows == sorted(set(rows)), where, "rows are not in the manifest's order")
    for status, error, sha256, attempt in zip(table["status"], table["error"], table["sha256"], table["attempt"]):
        check(status in (1, 2), where, "status", status)
        check(bool(error) == (status == 2), where, "error", error, "of status", status)
        check(len(sha256) == (64 if status == 1 else 0), where, "sha256", sha256, "of status", status)
        check(attempt >= 1, where, "attempt", attempt)


def check_bucket(group, kind, sizes, names, where):
    equal(sorted(group), sorted(names), where, "datasets")
    check_attributes(group, "/BUCKET", kind, where)
    equal(f"{group.attrs['height']}x{group.attrs['width']}", group.name[1:], where, "height and width")
    for name in set(names) & set(group):
        sizes_here = dict(sizes, C=group[name].shape[1]) if name == "latents" else sizes
        check_storage(group[name], f"/BUCKET/{name}", kind, sizes_here, f"{where}/{name}")
        check_attributes(group[name], f"/BUCKET/{name}", kind, f"{where}/{name}")


def read_table(group):
    return {name: column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
            for name, column in group.items()}


def check_pixels(bucket, table, image_format, where):
    for i, (status, sha256) in enumerate(zip(table["status"], table["sha256"])):
        what = (where, "sample", i)
        if "latents" in bucket:
            finite = numpy.isfinite(bucket["latents"][i])
            check(finite.all() if status == 1 else numpy.isnan(bucket["latents"][i]).all(), *what, "latents")
        if image_format == "raw":
            pixels = bucket["images"][i]
            check(hashlib.sha256(pixels.tobytes()).hexdigest() == sha256 if status == 1 else not pixels.any(), *what)
        else:
            encoded = bucket["encoded"][i].tobytes()
            recorded = table["encoded_sha256"][i]
            check(hashlib.sha256(encoded).hexdigest() == recorded if status == 1 else not encoded and not recorded,
                  *what, "encoded")


def check_shard(path, further, has_latents):
    where = path.name
    with h5py.File(path) as file:
        image_format = file.attrs["image_format"]
        equal(file.id.get_create_plist().get_version()[0], 0, where, "version of the superblock")
        check_attributes(file, "/", "shard", where)
        buckets = [name for name in file if name != "samples"]
        equal(buckets, [path.stem.rpartition("-")[0]], where, "groups beside /samples")
        check_samples(file["samples"], "shard", further, image_format == "raw", f"{where}/samples")
        check_attributes(file["samples"], "/samples", "shard", f"{where}/samples")
        table = read_table(file["samples"])
        check_rows(table, where)
        bucket = file[buckets[0]]
        names = ["row", "images" if image_format == "raw" else "encoded"]
        if has_latents and any(table["status"] == 1):
            names.append("latents")
        height, width = map(int, buckets[0].split("x"))
        sizes = {"N": len(table["id"]), "H": height, "W": width}
        check_bucket(bucket, "shard", sizes, names, f"{where}/{buckets[0]}")
        equal(list(bucket["row"]), list(table["row"]), where, "rows of the bucket")
        equal(list(table["index_in_shard"]), list(range(len(table["id"]))), where, "index_in_shard")
        equal(set(table["shard"]), {path.stem}, where, "shard")
        equal(set(table["bucket"]), {buckets[0]}, where, "bucket")
        check_pixels(bucket, table, image_format, where)
        return {"row": table["row"], "first": table["index_in_bucket"][0], "latents": "latents" in bucket,
                "seeds": "seed_in_manifest" in table}


def check_index(output, further, shards):
    with h5py.File(output / "dataset.h5") as file:
        image_format = file.attrs["image_format"]
        equal(file.id.get_create_plist().get_version()[0], 0, "index", "version of the superblock")
        check_attributes(file, "/", "index", "index")
        check_samples(file["samples"], "index", further, image_format == "raw", "index/samples")
        table = read_table(file["samples"])
        check_rows(table, "index")
        equal("seed_in_manifest" in table, any(shard["seeds"] for shard in shards.values()), "index", "seeds")
        for group in ("/samples", "/by_shard"):
            check_attributes(file[group], group, "index", group)
        equal(sorted(file["by_shard"]), sorted(shards), "/by_shard", "links")
        for name in file["by_shard"]:
            link = file["by_shard"].get(name, getlink=True)
            equal((type(link).__name__, link.filename, link.path), ("ExternalLink", f"shards/{name}.h5", "/"), name)
        buckets = sorted(set(table["bucket"]))
        equal(sorted(set(file)), sorted(buckets + ["samples", "by_shard", "preview"]), "index", "objects")
        preview = file["preview"]
        check_storage(preview, "/preview", "index", {"P": preview.shape[0], "Q": preview.shape[1]}, "/preview")
        check_attributes(preview, "/preview", "index", "/preview")
        for bucket in buckets:
            check_index_bucket(file, bucket, table, image_format, shards)
        digest = {"index": file}
        exec(code_of("python"), digest)  # noqa: S102 (the page is ours)
        equal(file.attrs["content_hash"], digest["content_hash"], "content hash")
        return image_format


def check_index_bucket(file, bucket, table, image_format, shards):
    group = file[bucket]
    of_bucket = {name: shard for name, shard in shards.items() if name.rpartition("-")[0] == bucket}
    pictures = "images" if image_format == "raw" else "encoded"
    names = ["row", pictures] + (["latents"] if any(shard["latents"] for shard in of_bucket.values()) else [])
    height, width = map(int, bucket.split("x"))
    here = numpy.flatnonzero(table["bucket"] == bucket)
    check_bucket(group, "index", {"N": len(here), "H": height, "W": width}, names, bucket)
    equal(group.attrs["num_shards"], len(of_bucket), bucket, "num_shards")
    for i in here:
        shard = file["by_shard"][table["shard"][i]]
        place, position = table["index_in_bucket"][i], table["index_in_shard"][i]
        equal(place, of_bucket[table["shard"][i]]["first"] + position, bucket, "index_in_bucket")
        equal(group["row"][place], table["row"][i], bucket, "row")
        for name in set(names) - {"row"}:
            if name in shard[bucket]:
                check(numpy.array_equal(group[name][place], shard[bucket][name][position], equal_nan=name == "latents"),
                      bucket, name, "of sample", i, "is another in the virtual dataset")


def check_trace(path):
    where = path.name
    with h5py.File(path) as file:
        equal(sorted(file.attrs), sorted(trace_attributes), where, "attributes")
        for name, (kind, value) in trace_attributes.items():
            check_type(file.attrs.get_id(name), kind, where, name)
            if value is not None:
                equal(file.attrs[name], value, where, name)
        check(all(isinstance(group, str) for group in json.loads(file.attrs["groups"])), where, "groups")
        tables = [spans(row["table"])[0].removeprefix("/") for row in trace_tables]
        equal(sorted(file), sorted(tables), where, "tables")
        for table in trace_tables:
            name = spans(table["table"])[0]
            check_trace_table(file[name], name, table, where)
            page.see(table)
        order = [(int(rank), int(start)) for rank, start in zip(file["spans/rank"], file["spans/start_ns"])]
        ranks = list(dict.fromkeys(rank for rank, _ in order))
        check(order == sorted(order, key=lambda one: (ranks.index(one[0]), one[1])), where, "spans are not in order")


def check_trace_table(group, name, table, where):
    rows = {spans(row["column"])[0]: row for row in trace_columns if row["table"] == f"`{name}`"}
    equal(sorted(group), sorted(rows), where, name, "columns")
    size = len(group["rank"])
    for column in set(group) & set(rows):
        what = f"{where} {name}/{column}"
        check_column(group[column], rows[column], size, what)
        equal(sorted(group[column].attrs), ["axes", "units"], what, "attributes")
        equal(group[column].attrs["axes"], spans(table["axes"])[0], what, "axes")
        equal(layout_of(group[column]), shape_in(table["chunk"], {"N": size}), what, "chunk")
        equal(filters_of(group[column]), table["filters"], what, "filters")


def check_job(path, is_done):
    documented = {spans(row["key"])[0]: row for row in job_keys}
    job = json.loads(path.read_text())
    expected = set(documented) - (set() if is_done else {"content_hash"})
    equal(sorted(job), sorted(expected), path.name, "keys")
    for key in set(job) & set(documented):
        page.see(documented[key])
    equal(sorted(job["model"]), ["hash", "name"], path.name, "model")
    equal(sorted(job["manifest"]), ["name", "num_rows", "rows_sha256", "sha256"], path.name, "manifest")
    settings = {tuple(sorted(setting)) for setting in job["settings"].values()}
    equal(settings, {("origin", "value")}, path.name, "settings")


def file_pattern(name):
    token = r"HEIGHT|WIDTH|NUMBER|HOST|(?<=-)[ARIM](?=[.-]|$)"
    forms = {"NUMBER": r"\d{6,}", "HOST": r"[^/]+"}
    parts = re.split(f"({token})", name)
    return "".join(forms.get(part, r"\d+") if i % 2 else re.escape(part) for i, part in enumerate(parts))


def check_files(output):
    for path in sorted(output.rglob("*")):
        name = str(path.relative_to(output))
        if path.is_dir() or name.endswith(".tmp"):
            continue
        rows = [row for row in files if re.fullmatch(file_pattern(spans(row["file"])[0]), name)]
        if equal(len(rows), 1, f"{output.name}/{name}: its number of rows in the table of files"):
            page.see(rows[0])


def code_of(language, number=0):
    return re.findall(rf"^```{language}\n(.*?)^```", Path(sys.argv[1]).read_text(), re.M | re.S)[number]


def check_output(argument):
    name, _, further = argument.partition(":")
    output, further = Path(name), further.split(",") if further else []
    check_files(output)
    jobs = sorted(output.glob("job*.json"))
    has_latents = json.loads(jobs[0].read_text())["save_latents"]
    shards = {path.stem: check_shard(path, further, has_latents) for path in sorted(output.glob("shards/*.h5"))}
    if (output / "dataset.h5").exists():
        image_format = check_index(output, further, shards)
        rows = [row for row in formats if re.fullmatch(spans(row["format"])[0].replace("Q", r"\d+"), image_format)]
        if equal(len(rows), 1, f"the format {image_format}: its number of rows"):
            page.see(rows[0])
    for job in jobs:
        check_job(job, job.name == "job.json" and (output / "dataset.h5").exists())
    for trace in sorted(output.glob("traces/*.h5")):
        check_trace(trace)


for given in sys.argv[2:]:
    try:
        check_output(given)
    except (KeyError, IndexError, ValueError) as error:  # after what was found already, which says why
        problems.append(f"{given}: the comparison ends with {error!r}")
for row in page.unseen.values():
    problems.append(f"no file has what the page says: {' | '.join(row.values())}")
print("\n".join(problems), end="")
