#!/usr/bin/env bash
# `export`: its formats as other programs read them, --where and --split, ranks, kills, and what it refuses.
# shellcheck disable=SC2031 # $work of a section is its own
set -euo pipefail
source "$(dirname "$0")/lib.sh"
num_jobs=4
export OMP_WAIT_POLICY=passive # several runs share the cores

# 16 rows of two sizes and of three artists, two copies each, in shards of 6.
python3 - >"$work/rows.csv" <<'END'
ids = ["cat", "käfer/1", "..", "v1.5 final", "x" * 150] + [f"row {i}" for i in range(11)]
print("id,prompt,seed,height,steps,negative_prompt,true_cfg,artist")
for i, id in enumerate(ids):
    print(f'{id},"a cat, number {i}",{i + 7},{32 if i % 4 else 48},{1 + i % 2},{"blurry" if i == 2 else ""},'
          f'{3 if i == 2 else ""},{["Ada", "Bo", ""][i % 3]}')
END
quick=(--model "$model" --prompts "$work/rows.csv" --width 32 --device cpu --threads 1 --max-sequence-length 32
  --images-per-prompt 2 --shard-size 6)
data=$work/data
webp=$work/webp
run_mpi 2 generate "${quick[@]}" --output "$data"
succeeded "generate"
run generate "${quick[@]}" --output "$webp" --image-format webp
succeeded "generate webp"

# tree FOLDER: names and contents of all that is in it.
tree() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2); }
# ranks_of LAUNCHER: the processes of ours below it.
ranks_of() {
  local child
  for child in $(pgrep -P "$1" 2>/dev/null || true); do
    if [[ $(readlink "/proc/$child/exe" 2>/dev/null) == "$bin" ]]; then echo "$child"; fi
    ranks_of "$child"
  done
}

png() {
  run export "$data" --to png
  succeeded "png"
  contains "png: says how many" "$err" "32 pictures written, 0 samples without pixels skipped"
  equal "png: what is there" "$(cd png && ls -A)" "$(printf 'export.json\nimages\nmetadata.jsonl')"
  cat >chunks.py <<'END'
import json, struct, zlib
def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]
        yield kind, body
        at += 12 + size
def texts(data):
    found = {}
    for kind, body in chunks(data):
        key, _, rest = body.partition(b"\0")
        if kind == b"tEXt": found[key.decode()] = rest.decode("latin-1")
        if kind == b"iTXt":
            assert rest[:2] == b"\0\0"
            found[key.decode()] = rest[2:].split(b"\0", 2)[2].decode()
    return found
rows = [json.loads(line) for line in open("png/metadata.jsonl")]
for row in rows:
    found = texts(open("png/" + row["file_name"], "rb").read())
    for key, value in json.loads(found["ditmesh"]).items(): assert row[key] == value, (key, value)
    first, *_, last = found["parameters"].split("\n")
    assert first == row["text"], first
    assert last == (f'Steps: {row["steps"]}, CFG scale: {row["true_cfg"]:g}, Distilled CFG Scale: {row["guidance"]:g}, '
                    f'Seed: {row["seed"]}, Size: {row["width"]}x{row["height"]}'), last
    assert ("\nNegative prompt: blurry\n" in found["parameters"]) == (row["id"] == ".."), found["parameters"]
print(len(rows), rows[0]["file_name"], rows[4]["file_name"], rows[6]["file_name"], rows[0]["artist"])
END
  equal "png: chunks, read by Python alone" "$(python3 chunks.py)" \
    "32 images/cat-0.png images/%2E.-0.png images/v1.5%20final-0.png Ada"
  run export "$data" --to png
  succeeded "png: again, all is there"
  contains "png: says that it is complete" "$err" "32 pictures were written before" "is complete"
}

webdataset() {
  run export "$data" --to tars --format webdataset --samples-per-tar 5
  succeeded "webdataset"
  equal "webdataset: the tars" "$(cd tars && printf '%s ' *)" \
    "00000.tar 00001.tar 00002.tar 00003.tar 00004.tar 00005.tar 00006.tar export.json "
  run export "$webp" --to webp --format webdataset
  succeeded "webdataset of webp"
  cat >tars.py <<'END'
import glob, json, tarfile
def samples(paths, image):
    found = []
    for path in paths:
        tar = tarfile.open(path)
        for three in zip(*[iter(tar.getmembers())] * 3):
            keys = {m.name.split(".", 1)[0] for m in three}
            assert len(keys) == 1 and [m.name.split(".", 1)[1] for m in three] == [image, "txt", "json"], three
            assert all((m.mtime, m.uid, m.gid, m.uname, m.mode) == (0, 0, 0, "", 0o644) for m in three)
            found.append((keys.pop(), [tar.extractfile(m).read() for m in three]))
    return found
raw = samples(sorted(glob.glob("tars/*.tar")), "png")
for key, (image, text, about) in raw:
    assert json.loads(about)["text"].encode() == text and image[:8] == b"\x89PNG\r\n\x1a\n", key
webp = samples(["webp/00000.tar"], "webp")
assert [key for key, _ in raw] == [key for key, _ in webp]
assert all(image[:4] == b"RIFF" for _, (image, *_) in webp)
print(len(raw), len({key for key, _ in raw}), raw[0][0], raw[2][0], raw[4][0], raw[6][0], len(raw[8][0]))
END
  equal "webdataset: read by Python's tarfile" "$(python3 tars.py)" \
    "32 32 cat-0 k%C3%A4fer%2F1-0 %2E%2E-0 v1%2E5%20final-0 152"
  equal "webdataset: listed by tar" "$(for tar in tars/*.tar; do tar tf "$tar"; done | wc -l)" 96
  mkdir out
  check "webdataset: unpacked by tar" tar xf tars/00001.tar -C out
  check "webdataset: a long name" test -e "out/$(printf 'x%.0s' {1..150})-1.json"
}

where_and_split() {
  run export "$data" --to ada --where artist=Ada --where bucket=32x32
  succeeded "--where, twice"
  equal "--where: both hold" \
    "$(json "[$(paste -sd, ada/metadata.jsonl)]" '{(r["artist"], r["height"]) for r in d}, len(d)')" \
    "({('Ada', 32)}, 8)"
  run export "$data" --to commas --where "prompt=a cat, number 3"
  equal "--where: a value with a comma" "$code $(wc -l <commas/metadata.jsonl)" "0 2"
  run export "$data" --to split --split train=0.7,test=0.3
  succeeded "--split"
  run export "$data" --to tars --split test=0.3,train=0.7 --format webdataset --where steps=1
  succeeded "--split in another order, with other options"
  run export "$data" --to h5 --split train=0.7,test=0.3 --format hdf5
  succeeded "--split of hdf5"
  equal "--split: files of hdf5" "$(cd h5 && printf '%s ' *)" "export.json test.h5 train.h5 "
  cat >split.py <<'END'
import hashlib, json, os, tarfile
counts = {}
for name in "test", "train":
    rows = [json.loads(line) for line in open(f"split/{name}/metadata.jsonl")]
    for row in rows:
        place = int(hashlib.sha256(row["id"].encode()).hexdigest()[:16], 16) / 2**64
        assert ("test" if place < 0.3 else "train") == name, row["id"]
        assert os.path.exists(f"split/{name}/" + row["file_name"])
    tar = tarfile.open(f"tars/{name}/00000.tar")
    ones = [json.load(tar.extractfile(m)) for m in tar if m.name.endswith(".json")]
    assert [r["id"] for r in ones] == [r["id"] for r in rows if r["steps"] == 1], name
    counts[name] = len(rows)
print(sum(counts.values()), all(count % 2 == 0 and count for count in counts.values()),
      json.load(open("split/export.json"))["splits"] == counts)
END
  equal "--split: by the hash of the id" "$(python3 split.py)" "32 True True"
  run export "$data" --format contact-sheet --to sheet.png --where steps=2
  contains "contact sheet with --where" "$code $err" "0 " "16 of 16 pictures"
}

# A self-contained file, by h5py alone.
hdf5() {
  local python
  run export "$data" --to cats.h5 --format hdf5
  succeeded "hdf5"
  run export "$webp" --to webp.h5 --format hdf5 --where bucket=32x32
  succeeded "hdf5 of webp"
  python=$(python_with_h5py)
  if [[ -z $python ]]; then
    echo "h5py (python3-h5py) is not here: the HDF5 file is not read by another program"
    return
  fi
  cat >cats.py <<'END'
import h5py, hashlib, sys
def links(name, kind): assert isinstance(kind, h5py.HardLink), name
with h5py.File("cats.h5") as file, h5py.File(sys.argv[1] + "/dataset.h5") as index:
    file.visititems_links(links) if hasattr(file, "visititems_links") else None
    assert set(file["samples"]) == set(index["samples"])
    assert file.attrs["content_hash"] == index.attrs["content_hash"] and file.attrs["format_version"] == 1
    for row in range(32):
        pixels = file[file["samples/bucket"].asstr()[row]]["images"][file["samples/index_in_bucket"][row]]
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == index["samples/sha256"].asstr()[row]
        assert file["samples/prompt"].asstr()[row] == index["samples/prompt"].asstr()[row]
    assert not file["32x32/images"].is_virtual and "by_shard" not in file and "preview" in file
with h5py.File("webp.h5") as file:
    assert len(file["32x32/encoded"]) == len(file["samples/id"]) == 24 and "48x32" not in file
    for row in range(24):
        encoded = file["32x32/encoded"][file["samples/index_in_bucket"][row]].tobytes()
        assert hashlib.sha256(encoded).hexdigest() == file["samples/encoded_sha256"].asstr()[row]
print("all as in the index")
END
  equal "hdf5: read by h5py" "$("$python" cats.py "$data" 2>&1)" "all as in the index"
}

refusals() {
  # refused WHAT PART... -- ARGUMENTS...: exit code 2, one message with the parts, and nothing is written.
  refused() {
    local what=$1 parts=()
    shift
    while [[ $1 != -- ]]; do
      parts+=("$1")
      shift
    done
    run export "$data" --to new "${@:2}"
    equal "$what: exit code, messages" "$code $(num_errors "$err")" "2 1"
    contains "$what: says so" "$err" "${parts[@]}"
    check "$what: writes nothing" test ! -e new
  }
  refused "unknown column" "no such column (did you mean 'artist'?)" "give one of id, prompt" -- --where artst=Ada
  refused "malformed number" "--where steps=many: the column holds whole numbers" -- --where steps=many
  refused "unknown status" "one of missing, done, failed" -- --where status=finished
  refused "no =" "has the form COLUMN=VALUE, found 'steps'" -- --where steps
  refused "nothing meets it" "of 32 samples, 0 meet --where steps=9" -- --where steps=9
  refused "shares" "shares must make 1 together" -- --split train=0.9,test=0.2
  refused "a share of 0" "must be a number above 0" -- --split train=1,test=0
  refused "a name that is a path" "letters, digits" -- --split ../x=1
  refused "tars of nothing" "--samples-per-tar must be a whole number, 1 to" -- --format webdataset --samples-per-tar 0
  refused "an option of another format" "--samples-per-tar is for --format webdataset" -- --samples-per-tar 5
  refused "a contact sheet in parts" "--split: a contact sheet is one picture" -- --format contact-sheet --split a=1
  refused "an unknown format" "--format must be one of png, webdataset" -- --format webdatset
  run_mpi 3 export "$data" --to new --where artst=Ada
  equal "unknown column on 3 ranks: exit code, messages" "$code $(num_errors "$err")" "2 1"

  local before
  run export "$data" --to png
  before=$(tree png)
  run export "$data" --to png --where steps=1
  contains "other settings in the same place" "$code $err" "2 " '--where was not given, is ["steps=1"] now'
  run export "$webp" --to png
  contains "another dataset in the same place" "$code $err" "2 " "another dataset: image_format was" '"webp" now'
  run export "$data" --to png/images --format hdf5
  contains "a folder where a file should be" "$code $err" "2 " "is a folder"
  equal "what was there stays" "$(tree png)" "$before"
  echo mine >mine.h5
  run export "$data" --to mine.h5 --format hdf5
  contains "a file that is not ours" "$code $err" "2 " "no export of ours"
  run export "$data" --to "$data"
  contains "into the dataset itself" "$code $err" "2 " "is inside of the dataset"
  run export "$data" --to "$data/png"
  contains "below the dataset" "$code $err" "2 " "is inside of the dataset" "a place beside it"
  check "below the dataset: nothing is written" test ! -e "$data/png"
  run export none --to new
  equal "no dataset" "$code" 2
}

# The same files from any number of ranks.
ranks() {
  local format ranks options
  for format in png webdataset hdf5; do
    options=(--format $format --split a=0.4,b=0.6)
    if [[ $format == webdataset ]]; then options+=(--samples-per-tar 3); fi
    for ranks in 1 2 3; do
      run_mpi $ranks export "$data" --to $format-$ranks "${options[@]}"
      succeeded "$format on $ranks ranks"
    done
    equal "$format: 2 ranks make what one makes" "$(tree $format-2)" "$(tree $format-1)"
    equal "$format: 3 ranks make what one makes" "$(tree $format-3)" "$(tree $format-1)"
  done
}

# Killed again and again, then left alone: the bytes of an undisturbed export.
killed() { # FORMAT
  local format=$1 options=(--format "$1" --split "a=0.4,b=0.6") launcher num_killed=0 seconds processes
  if [[ $format == webdataset ]]; then options+=(--samples-per-tar 3); fi
  run export "$data" --to undisturbed "${options[@]}"
  for seconds in 1.5 2 2.5 3 4; do
    DITMESH_TEST_PAUSE=export-picture=60,export-move=500 timeout 60 mpirun --oversubscribe -n $((num_killed % 3 + 1)) \
      "$bin" export "$data" --to job "${options[@]}" >/dev/null 2>&1 </dev/null &
    launcher=$!
    sleep "$seconds"
    mapfile -t processes < <(ranks_of "$launcher")
    if ((${#processes[@]} > 0)) && kill -KILL "${processes[@]}" 2>/dev/null; then num_killed=$((num_killed + 1)); fi
    wait "$launcher" || true
    if [[ -e job/export.json && ! -e job/.export/ready ]] && ! grep -q '"complete": true' job/export.json; then
      equal "$format: nothing looks finished after a kill" "$(cd job && find . -maxdepth 1 | sort | tr '\n' ' ')" \
        ". ./.export ./export.json "
    fi
  done
  check "$format: some were killed" test "$num_killed" -ge 2
  run export "$data" --to job "${options[@]}"
  succeeded "$format: goes on"
  equal "$format: the bytes of an undisturbed export" "$(tree job)" "$(tree undisturbed)"
}
killed_png() { killed png; }
killed_webdataset() { killed webdataset; }
killed_hdf5() {
  killed hdf5
  local launcher processes
  run export "$data" --to one.h5 --format hdf5
  DITMESH_TEST_PAUSE=export-picture=200 timeout 60 "$bin" export "$data" --to killed.h5 --format hdf5 >/dev/null 2>&1 &
  launcher=$!
  sleep 3
  mapfile -t processes < <(ranks_of "$launcher")
  kill -KILL "${processes[@]}"
  wait "$launcher" || true
  check "one HDF5 file: not there after a kill" test ! -e killed.h5
  run export "$data" --to killed.h5 --format hdf5
  check "one HDF5 file: the bytes of an undisturbed export" cmp one.h5 killed.h5
}

# Pieces that are there are not made again.
goes_on() {
  local options=(--format webdataset --samples-per-tar 4) launcher first processes
  DITMESH_TEST_PAUSE=export-picture=100 timeout 60 "$bin" export "$data" --to tars "${options[@]}" >/dev/null 2>&1 &
  launcher=$!
  for _ in {1..400}; do
    if [[ -e tars/.export/finished/00002 ]]; then break; fi
    sleep 0.05
  done
  mapfile -t processes < <(ranks_of "$launcher")
  kill -KILL "${processes[@]}"
  wait "$launcher" || true
  first=$(cd tars/.export/tree && stat -c '%i %y' 00000.tar 00001.tar 00002.tar)
  run export "$data" --to tars "${options[@]}"
  succeeded "goes on"
  equal "tars that were finished are not made again" \
    "$(cd tars && stat -c '%i %y' 00000.tar 00001.tar 00002.tar)" "$first"
}

damage() {
  local format
  cp -r "$data" bad
  flip_a_bit bad/shards/32x32-000001.h5
  for format in png webdataset hdf5 contact-sheet; do
    run_mpi 2 export bad --to $format --format $format
    equal "$format of a damaged picture: exit code, messages" "$code $(num_errors "$err")" "3 1"
    contains "$format of a damaged picture: names the sample" "$err" "copy" "in the shard 32x32-000001" "--unverified"
  done
  equal "nothing looks finished" "$(printf '%s ' * */*)" \
    "bad png webdataset bad/dataset.h5 bad/job.json bad/job.lock bad/journal bad/shards bad/traces png/export.json webdataset/export.json "
  run export bad --to png2 --unverified
  check "--unverified: exit code" test "$code" -eq 0 -o "$code" -eq 10
  rm bad/shards/32x32-000000.h5
  run export bad --to png3
  contains "a missing shard" "$code $err" "3 " "the index names 1 shard that is not there: 32x32-000000" "--unverified"
  run export bad --to png3 --unverified
  equal "a missing shard, --unverified: exit code" "$code" 10
  contains "a missing shard, --unverified: counted" "$err" "could not be read, first sample" "in the shard 32x32-000000"
  check "a missing shard, --unverified: the others are there" test "$(wc -l <png3/metadata.jsonl)" -ge 25
}

unfinished() {
  run DITMESH_TEST_FAIL="nan:number 3" generate "${quick[@]}" --output failed
  run export failed --to png
  succeeded "failed samples"
  contains "failed samples: counted" "$err" "30 pictures written, 2 samples without pixels skipped"
  run export failed --to none --where status=failed
  contains "only failed samples" "$code $err" "2 " \
    "of 32 samples, 2 meet --where status=failed, none of them has a picture"

  run generate "${quick[@]}" --output half --part 0/2
  run export half --to new
  contains "a part of a job" "$code $err" "2 " "not finished" "--part 1/2" "--unverified"
  run export half --to new --unverified
  contains "without an index, --unverified too" "$code $err" "2 " "ditmesh index half"
  run index half
  run export half --to new
  contains "an index of half the job" "$code $err" "2 " "is not complete" "never began" "--unverified"
  check "nothing is written" test ! -e new
  run export half --to new --unverified
  succeeded "an index of half the job, --unverified"
}

in_parallel png webdataset where_and_split hdf5 refusals ranks killed_png killed_webdataset killed_hdf5 goes_on damage \
  unfinished

finish
