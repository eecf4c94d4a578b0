"""Finds the functions of a C++ source by its braces: no parser, but enough for our own style."""

import re
from typing import Iterator

# What a brace may open that holds functions but is none.
CONTAINER = re.compile(
    r"^\s*(?:template\s*<.*>\s*)?(?:requires\b.*)?(?:inline\s+|export\s+|typedef\s+)*"
    r"(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)
TOKENS = re.compile(
    r'R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'                            # string
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"            # character, not a digit separator
    r"|//[^\n]*|/\*.*?\*/", re.DOTALL)


def blank_comments_and_strings(text: str) -> str:
    """`text` with comments, strings and characters as blanks; every line keeps its number."""
    return TOKENS.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


# A macro that stands by itself before what a brace opens.
LONE_MACRO = re.compile(r"^\s*[A-Z][A-Z0-9_]+\([^()]*\)(?=\s+\w)")


def function_name(head: str) -> str | None:
    """The name before the first parenthesis of what stands before a brace; None if no function."""
    while match := LONE_MACRO.match(head):
        head = head[match.end():]
    if CONTAINER.match(head) or re.search(r"(?:=|,|\(|\breturn)\s*$", head):
        return None
    match = re.search(r"([\w:~]+|operator\s*\S+?)\s*\(\s*(\w*)", head)
    if match is None:
        return None
    # A test's name is the argument of its macro.
    return f"{match[1]}({match[2]})" if match[1].isupper() else match[1]


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, first line, last line) of every outermost function, in order of their ends."""
    code = blank_comments_and_strings(text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank_lines, code, flags=re.MULTILINE)
    open_blocks: list[tuple[int, str | None]] = []  # (where the head begins, name if a function)
    head = 0
    for match in re.finditer(r"[;{}]|\b(?:public|private|protected)\s*:", code):
        at = match.start()
        if match.group() == "{":
            inside = any(name for _, name in open_blocks)
            open_blocks.append((head, None if inside else function_name(code[head:at])))
            head = at + 1
        elif match.group() == "}" and open_blocks:
            begin, name = open_blocks.pop()
            # `member_{value}, other_{value} {`: an initialiser's brace does not end the head.
            goes_on = re.match(r"\s*[,{)=.]", code[at + 1:]) is not None
            if name and not goes_on:
                first = begin + len(code[begin:at]) - len(code[begin:at].lstrip())
                yield name, code.count("\n", 0, first) + 1, code.count("\n", 0, at) + 1
            head = begin if goes_on else at + 1
        else:
            head = match.end()


def blank_lines(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())
