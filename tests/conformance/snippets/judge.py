"""Has the function of the documentation judge every case of a file."""

import json
import sys

# HERE

with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
wrong = [
    case["what"]
    for case in cases
    if verify(case["secret"], case["headers"], case["body"].encode(), case["now"]) != case["genuine"]
]
if wrong:
    sys.exit(f"misjudged in Python: {wrong}")
print(f"{len(cases)} judged rightly in Python")
