"""Turns a test that expects values into one that returns them.

    func.func @f() { ... check.expect_eq_const(%x, dense<3> : tensor<i32>) : tensor<i32> return }

becomes a function with the result %x: for execution models that the check module does not serve, and
to compare what two runtimes computed bit for bit.
"""

import re

_FUNCTION = re.compile(r"^([ \t]*)func\.func @([\w$.-]+)\s*\(\s*\)\s*(?:->\s*\(\s*\)\s*)?"
                       r"(attributes\s*\{[^}]*\}\s*)?\{", re.M)
_CHECK = re.compile(r"check\.(expect_\w+)\s*(<[^>]*>)?\s*\(")


def _closing(text, start, opens, closes):
    """Index after the bracket that closes the one at `start`."""
    depth, i, quoted = 0, start, False
    while i < len(text):
        c = text[i]
        if c == '"':
            quoted = not quoted
        elif not quoted:
            if c == opens:
                depth += 1
            elif c == closes:
                depth -= 1
                if depth == 0:
                    return i + 1
        i += 1
    return -1


def _type_after(text, at):
    """(type, index behind it) of " : type" at `at`."""
    found = re.match(r"\s*(?:\{[^}]*\}\s*)?:\s*", text[at:])
    if not found:
        return None, at
    start = i = at + found.end()
    depth = 0
    while i < len(text) and not (depth == 0 and text[i] in " \t\n,}"):
        depth += {"<": 1, ">": -1}.get(text[i], 0)
        i += 1
    return text[start:i], i


def _rewrite_body(body):
    """(body without checks, values, types), or None when a value is not one of the function's."""
    kept, values, types, at = "", [], [], 0
    for found in iter(lambda: _CHECK.search(body, at), None):
        end = _closing(body, found.end() - 1, "(", ")")
        if end < 0:
            return None
        before = body[:found.start()]
        if before.count("{") != before.count("}"):
            return None  # inside of a region: not in reach of the function's return
        operands = re.findall(r"%[\w#$.-]+", body[found.end():end])
        kind = found.group(1)
        operands = operands[:1] if kind.endswith("_const") else operands[:2]
        type_text, behind = _type_after(body, end)
        if type_text is None or not operands:
            return None
        kept += body[at:found.start()]
        at = behind
        values += operands
        types += [type_text] * len(operands)
    kept += body[at:]
    returns = list(re.finditer(r"(?m)(?<=^)([ \t]*)return[ \t]*$", kept))
    if not values or len(returns) != 1:
        return None
    spot = returns[0]
    text = "return %s : %s" % (", ".join(values), ", ".join(types))
    return kept[:spot.start()] + text + kept[spot.end():], values, types


_LITERAL = re.compile(r"[\[\]\s\d.eE+,-]*|true|false")
_ARGUMENT_LIMIT = 100_000  # what a system takes in one word of a command line, with room


def _inputs(body):
    """(body without constants that must not be folded, [(value, type)], their --input= texts). Those
    that cannot be written as an input stay."""
    out, arguments, texts, at = "", [], [], 0
    constant = re.compile(r"(%[\w$.-]+) *= *util\.unfoldable_constant\s+")
    for found in iter(lambda: constant.search(body, at), None):
        i, depth = found.end(), 0
        while i < len(body) and not (depth == 0 and body[i] == ":"):
            if body[i] == '"':
                i = body.index('"', i + 1)
            depth += {"<": 1, "[": 1, "(": 1, ">": -1, "]": -1, ")": -1}.get(body[i], 0)
            i += 1
        type_text, behind = _type_after(body, i)
        literal = re.fullmatch(r"dense<(.*)>", body[found.end():i].strip(), re.S)
        tensor = re.fullmatch(r"tensor<((?:\d+x)*(?!i1>|i2>|i4>|f64>)[a-z]+\d+)>", type_text or "")
        kept = body[at:found.start()]
        at = behind
        if (literal and tensor and _LITERAL.fullmatch(literal.group(1).strip()) and
                len(literal.group(1)) < _ARGUMENT_LIMIT):
            values = re.sub(r"[\s,]+", " ", literal.group(1)).strip()
            # On a command line 010 is eight.
            values = re.sub(r"(?<![\w.+])0+(?=\d)", "", values)
            arguments.append((found.group(1), type_text))
            texts.append("--input=%s=%s" % (tensor.group(1), values))
            out += kept
        else:
            out += kept + body[found.start():behind]
    return out + body[at:], arguments, texts


def returning(text, inline):
    """(source whose functions return what they checked, and take what they started from, {function:
    (number of results, [--input= ...])}). Functions for which that cannot be done are left out, for
    the inline execution models also those that keep the compiler from folding: there that fails."""
    text = re.sub(r"//[^\n]*", "", text)
    out, counts, at = "", {}, 0
    for found in iter(lambda: _FUNCTION.search(text, at), None):
        end = _closing(text, found.end() - 1, "{", "}")
        if end < 0:
            break
        out += text[at:found.start()]
        at = end
        new = _rewrite_body(text[found.end():end - 1])
        if new is None:
            continue
        body, values, types = new
        body, arguments, inputs = _inputs(body)
        if inline and re.search(r"util\.(unfoldable_constant|optimization_barrier)", body):
            continue
        out += "%sfunc.func @%s(%s) -> (%s) %s{%s}" % (
            found.group(1), found.group(2), ", ".join("%s: %s" % pair for pair in arguments),
            ", ".join(types), found.group(3) or "", body)
        counts[found.group(2)] = (len(values), inputs)
    return out + text[at:], counts
