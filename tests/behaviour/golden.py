"""Runs the golden modules on Eerie and on IREE's runtime and compares bit for bit, and with NumPy.

    golden.py --runner build/tests/behaviour/golden_run --modules build/modules
              [--device local-task] [NAME...]

The modules are tests/modules/*.mlir, compiled by compile_modules.py; the calls are in cases.py.
Prints every disagreement; exit code 1 when there is one, 77 when IREE's runtime is not installed.
"""

import argparse
import os
import pathlib
import subprocess
import sys

try:
    import cases
    import values
    import iree.runtime  # noqa: F401  the oracle needs it
except ImportError as missing:
    print("skipped: %s; run: tools/setup.sh build test" % missing)
    sys.exit(77)

HERE = pathlib.Path(__file__).parent


def script(session, modules, calls, device):
    text = ["device " + device] + ["module %s" % (modules / (name + ".vmfb")) for name in session.modules] + ["link"]
    for call in calls:
        for argument in call.args:
            text += values.lines(argument)
        text.append("call " + call.function)
    return "\n".join(text) + "\n"


class Answer:
    """What one call came to: values, or an error's text."""

    def __init__(self, texts):
        self.values, self.error = [], None
        for text in texts:
            if text == "end":
                return
            if text.startswith("error "):
                self.error = text[len("error "):]
            elif not text.startswith("trace"):
                self.values.append(values.parse(iter([text]) if not text.startswith("list")
                                                else _chain(text, texts)))
        self.error = "the process ended in the middle of the call"

    def show(self):
        return self.error or ", ".join(map(values.show, self.values)) or "nothing"


def _chain(first, rest):
    yield first
    yield from rest


def answers(command, text):
    """One Answer for each call of the script, the linking first."""
    # Memory that cannot be had is an answer of the allocator, under AddressSanitizer too.
    environment = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1",
                       TSAN_OPTIONS="allocator_may_return_null=1")
    try:
        process = subprocess.run(command, input=text, capture_output=True, text=True, timeout=100,
                                 env=environment)
    except subprocess.TimeoutExpired as expired:
        return [], "a timeout", (expired.stdout or b"").decode()[-400:]
    texts = iter(process.stdout.split("\n"))
    result = [Answer(texts) for line in texts if line.startswith("call ")]
    return result, process.returncode, process.stderr


def disagreement(call, ours, theirs):
    """None, or what is wrong with our answer."""
    if isinstance(call.want, values.Fails):
        if ours.error is None:
            return "did not fail; expected %s" % call.want.status
        if ours.error.split(" ")[0] != call.want.status:
            return "failed with another status than %s" % call.want.status
        missing = [word for word in call.want.words if word not in ours.error]
        if missing:
            return "the message does not tell %s" % ", ".join(missing)
        if not call.alone and theirs.error is None:
            return "IREE's runtime does not fail"
        return None
    if ours.error is not None:
        return "failed"
    if not call.alone:
        if theirs.error is not None:
            return "IREE's runtime fails"
        if len(ours.values) != len(theirs.values):
            return "another number of results"
        for i, pair in enumerate(zip(ours.values, theirs.values)):
            if not values.same_bits(*pair):
                return "result %d differs from IREE's runtime" % i
    if call.want is None:
        return None
    if len(ours.values) != len(call.want):
        return "another number of results than NumPy says"
    for i, (got, want) in enumerate(zip(ours.values, call.want)):
        if not values.near(got, want, call.tolerance):
            return "result %d is not what NumPy says: %s" % (i, values.show(want))
    return None


def check(session, runner, modules, device):
    """Number of disagreements of one session, printed."""
    shared = [call for call in session.calls if not call.alone]
    ours, code, errors = answers([runner], script(session, modules, session.calls, device))
    theirs, their_code, their_errors = answers([sys.executable, str(HERE / "oracle.py")],
                                               script(session, modules, shared, device))
    for who, status, text in (("runner", code, errors), ("oracle", their_code, their_errors)):
        if status != 0 or "ERROR: " in text:
            print("%s: the %s ended with %s\n%s" % (session.name, who, status, text[-6000:]))
            return 1
    link = cases.Call("link", [])
    calls, shared = [link] + session.calls, [link] + shared
    if len(ours) != len(calls) or len(theirs) != len(shared):
        print("%s: %d answers to %d calls, %d of the oracle to %d" %
              (session.name, len(ours), len(calls), len(theirs), len(shared)))
        return 1
    bad = 0
    their = iter(theirs)
    for call, our in zip(calls, ours):
        answer = None if call.alone else next(their)
        wrong = disagreement(call, our, answer)
        if wrong:
            bad += 1
            print("%s: %s(%s): %s\n  ours:   %s\n  theirs: %s" %
                  (session.name, call.function, ", ".join(map(values.show, call.args)), wrong,
                   our.show(), answer.show() if answer else "not asked"))
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--modules", required=True, type=pathlib.Path)
    parser.add_argument("--device", default="local-sync", help="Eerie's; IREE's is local-sync")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = [s for s in cases.SESSIONS if not options.names or s.name in options.names]
    if not chosen:
        print("no such session; there are: " + " ".join(s.name for s in cases.SESSIONS))
        return 1
    bad = sum(check(session, options.runner, options.modules.resolve(), options.device)
              for session in chosen)
    print("%d sessions, %d calls, %d disagreements" %
          (len(chosen), sum(len(s.calls) for s in chosen), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
