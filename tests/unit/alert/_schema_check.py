"""Holds events, one a line of standard input, against deploy/schema/alert.json, and the example in its README too.

Also the other way round: each property of the schema must be seen in some event, each wrong event must be refused.
"""
import json, os, re, sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not here")
    sys.exit(77)

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/schema")
WRONG = [{"version": 2}, {"incident": "0" * 16}, {"event": "closed"}, {"touchpoint": ""}, {"responses": 5.5}, {"detractors": -1},
         {"verbatims": ["raw"]}, {"net_now": 5}, {"missing": 5}, {"summary": "x" * 201}, {"unheard": 1}, {"at_ms": "1"}]


def main():
    with open(os.path.join(FOLDER, "alert.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator, mistakes, seen = jsonschema.Draft202012Validator(schema), [], set()
    events = [json.loads(line) for line in sys.stdin]
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
        examples = re.findall(r"^```json\n(.*?)^```", file.read(), re.M | re.S)
    if not examples:
        mistakes.append("README.md has no example of an event")
    for event in events + [json.loads(example) for example in examples]:
        seen.update(event)
        mistakes += [f"{event['summary']!r}: {error.message}" for error in validator.iter_errors(event)]
    mistakes += [f"no event holds `{name}`" for name in sorted(set(schema["properties"]) - seen)]
    mistakes += [f"the schema takes {wrong}" for wrong in WRONG if validator.is_valid({**events[0], **wrong})]
    mistakes += [f"the schema does not miss `{name}`" for name in schema["required"]
                 if validator.is_valid({k: v for k, v in events[0].items() if k != name})]
    print("\n".join(mistakes) or f"{len(events)} events keep the contract")
    return 1 if mistakes else 0


sys.exit(main())
