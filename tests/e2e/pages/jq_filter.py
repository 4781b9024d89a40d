"""jq, as the pages use it, by the library of its own name: `jq [-r] [-e] [-c] [--arg NAME VALUE] FILTER [FILE]`."""

import json
import sys

import jq

flags, arguments, named = set(), [], {}
rest = iter(sys.argv[1:])
for word in rest:
    if word == "--arg":
        name = next(rest)
        named[name] = next(rest)
    elif word.startswith("-") and word != "-":
        flags |= set(word[1:])
    else:
        arguments.append(word)
if not flags <= set("rec"):
    sys.exit(f"jq: unknown option among {sorted(flags)}")
program, *files = arguments
text = "".join(open(file, encoding="utf-8").read() for file in files) if files else sys.stdin.read()
last = None
for last in jq.compile(program, args=named).input_text(text):
    if "r" in flags and isinstance(last, str):
        print(last)
    else:
        print(json.dumps(last, ensure_ascii=False, indent=None if "c" in flags else 2))
if "e" in flags and last in (None, False):
    sys.exit(1)
