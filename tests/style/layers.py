#!/usr/bin/env python3
"""Checks the includes of pkg/ against layers.txt (errors, exit 1), and sizes (warnings)."""
import glob, re, sys

LINE, FUNCTION, FILE, PARAMETERS = 110, 60, 400, 5
PROSE_LINE = 130   # a header is half prose, with comments beside the declarations
HERE = "tests/style/layers.txt"
# C11 and POSIX; what else is in <> is an outside library.
SYSTEM = set("""assert ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool
stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar wchar wctype byteswap dirent dlfcn endian
execinfo fcntl getopt grp langinfo libgen netdb poll pthread pwd regex sched semaphore spawn syslog termios unistd xlocale
x86intrin immintrin arm_neon malloc""".split())
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "net/", "linux/")


def read_rules():
    tier, headers, impure, impure_but, calls, fine = {}, [], [], {}, [], set()
    for line in open(HERE, encoding="utf-8"):
        words = line.split("#")[0].split()
        if not words:
            continue
        kind, rest = words[0], words[1:]
        if kind in ("core", "world", "join"):
            tier.update((module, kind) for module in rest)
        elif kind == "header":
            headers.append((rest[0], rest[1:]))
        elif kind == "impure":
            impure += rest
        elif kind == "impure_but":
            impure_but[rest[0]] = rest[1:]
        elif kind == "impure_call":
            calls += [rf"{call}\s*\(" for call in rest]
        elif kind == "impure_word":
            calls += [rf"{word}\b" for word in rest]
        elif kind == "impure_ok":
            fine.update((rest[0], word) for word in rest[1:])
        else:
            sys.exit(f"{HERE}: what is '{kind}'?")
    return tier, headers, impure, impure_but, calls, fine


def matches(header, pattern):
    return header.startswith(pattern) if pattern.endswith("/") else header == pattern


def code_only(text):
    """The text without comments and the insides of literals; lines stay where they are."""
    def blank(match):
        found = match[0]
        if found[0] == "/":
            return re.sub(r"[^\n]", " ", found)
        return found[0] + " " * (len(found) - 2) + found[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text, flags=re.S)


def check_layers(path, text, rules):
    tier, headers, impure, impure_but, calls, fine = rules
    module = path.split("/")[1] if path.startswith("pkg/") else None
    mine = tier.get(module, "join")
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not include:
            continue
        quote, header = include[1], include[2]
        where = f"{path}:{number}"
        other = header.split("/")[0]
        if quote == '"' and other in tier and "/" in header:
            if mine == "core" and tier[other] != "core" or mine == "world" and tier[other] == "join":
                yield f"{where}: error: {module} ({mine}) may not include {header} ({tier[other]})"
        elif quote == '"' and module and "/" in header and header.endswith(".pb-c.h") and other == module:
            continue
        if header.endswith("_priv.h") and other != module and "/" in header:
            yield f"{where}: error: {header} is private to {other}"
        allowed = [modules for pattern, modules in headers if matches(header, pattern)]
        if allowed and module and module not in allowed[0]:
            yield f"{where}: error: {header} belongs to {' and '.join(allowed[0])}, not to {module}"
        elif quote == "<" and module and not allowed and not header.startswith(SYSTEM_FOLDERS) \
                and header.removesuffix(".h") not in SYSTEM:
            yield f"{where}: error: {header} is of no library in {HERE}"
        if mine == "core" and (any(matches(header, p) for p in impure) or module not in impure_but.get(header, [module])):
            yield f"{where}: error: {header} is of the world, {module} is core"
    if mine == "core":
        for match in re.finditer(r"(?<![\w.>])(" + "|".join(calls) + ")", code_only(text)):
            word = match[1].rstrip(" \t\n(")
            if (path, word) not in fine:
                number = text.count("\n", 0, match.start()) + 1
                yield f"{path}:{number}: error: {word} asks the world, {module} is core"


def columns(line):
    return len(line.expandtabs(8))


def check_sizes(path, text):
    lines = text.splitlines()
    if len(lines) > FILE and not path.startswith("tests/"):
        yield f"{path}:1: warning: {len(lines)} lines, over {FILE}"
    limit = PROSE_LINE if path.endswith(".h") else LINE
    wide = [number for number, line in enumerate(lines, 1) if columns(line) > limit]
    if wide:
        yield f"{path}:{wide[0]}: warning: {len(wide)} lines over {limit} columns, the first here"
    code = code_only(text).splitlines()
    started = None
    for number, line in enumerate(code):
        if line.startswith("{") and number and re.search(r"\)\s*$", code[number - 1]):
            started = number
        elif line.startswith("}") and started is not None:
            head = started - 1
            while head > 0 and "(" not in code[head]:
                head -= 1
            if number - started + 2 > FUNCTION:
                yield f"{path}:{head + 1}: warning: function of {number - started + 2} lines, over {FUNCTION}"
            started = None
    for match in re.finditer(r"^[a-zA-Z_][^;{}()=#]*?\b(\w+)\(([^;{}]*?)\)\s*(?:\w+\([^)]*\)\s*)*[;{]", "\n".join(code), re.M):
        parameters, depth = 1, 0
        for character in match[2]:
            depth += (character == "(") - (character == ")")
            parameters += character == "," and depth == 0
        if parameters > PARAMETERS and "..." not in match[2]:
            number = "\n".join(code).count("\n", 0, match.start()) + 1
            yield f"{path}:{number}: warning: {match[1]}() takes {parameters} parameters, over {PARAMETERS}"


def main():
    quiet = "--quiet" in sys.argv
    rules = read_rules()
    files = sorted(path for top in ("cmd", "pkg", "tests", "benchmarks") for path in glob.glob(f"{top}/**/*.[ch]", recursive=True))
    errors = 0
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.startswith("pkg/"):
            module = path.split("/")[1]
            if module not in rules[0]:
                print(f"{path}:1: error: module {module} has no tier in {HERE}")
                errors += 1
        for problem in check_layers(path, text, rules) if path.startswith(("pkg/", "cmd/")) else ():
            print(problem)
            errors += 1
        if not quiet:
            for remark in check_sizes(path, text):
                print(remark)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
