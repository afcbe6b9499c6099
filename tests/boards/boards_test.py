#!/usr/bin/env python3
"""Every held-out digit on every board in QEMU, planned; watermarks; planted faults.

    tests/boards/boards_test.py EERIE [--out DIR] [--board TARGET]... [--model NAME]... [--share]

Scores must be the host's within the model's tolerance. Exits 77 where QEMU or a compiler is
missing.
"""
from __future__ import annotations

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import boards
import suite

HERE = pathlib.Path(__file__).resolve().parent
# What each planted fault must be answered with: eerie_micro.h.
FAULTS = {"whole": 0, "small-arena": 8, "no-arena": 3, "unaligned-arena": 3, "short-input": 3,
          "long-input": 3, "no-input": 3, "short-output": 3, "other-plan": 18, "no-kernels": 18,
          "failing-kernel": 13, "other-kernels": 18}
# Boards of a share; models that are not here have all.
SHARE = {"cnn": ("cortex-m4f", "rv64gc"), "cnn_int8": ("cortex-m4f", "cortex-m0plus", "rv32imac"),
         "cnn_fast": ("cortex-m55",)}
# Bytes of stack that a program has, kernels included.
STACK = 4096

MODEL = """#include "{name}.h"
typedef {name}_arena_t model_arena_t;
typedef {name}_{input}_t model_input_t;
typedef {name}_{output}_t model_output_t;
#define MODEL_ARENA_SIZE {upper}_ARENA_SIZE
#define MODEL_PLAN {upper}_PLAN
#define MODEL_HAS_STATE {state}
#define MODEL_QUERY {query}
#define model_typed {name}_{function}
#define model_sized {name}_{function}_sized
#define model_run {name}_{function}_run
"""
# The source once more, with the kernels of the program that includes it.
AGAIN = """#define {query} chosen_library
#define {name}_{function}_run model_again
#include "{name}.c"
#undef {query}
#undef {name}_{function}_run
"""


def query_name(source: pathlib.Path) -> str:
    """The function that leads to the kernels, as the generated source declares it."""
    line = next(line for line in source.read_text().splitlines()
                if line.startswith("const eerie_micro_library_t *"))
    return line.split("*", 1)[1].split("(", 1)[0]


def embed(eerie: pathlib.Path, model, target: str, out: pathlib.Path) -> dict:
    """Writes the firmware sources of a model; what the command says of them."""
    text = boards.execute([eerie, "embed", model.source, f"--target={target}",
                           f"--name={model.name}", "-o", out, "--json", *model.options])
    facts = json.loads(text)
    shapes = {"mlp": "1x64"}
    words = dict(name=model.name, upper=model.name.upper(), function=model.function,
                 query=query_name(out / f"{model.name}.c"), output="f32_1x10",
                 input="f32_" + shapes.get(model.name, "1x1x8x8"),
                 state=int(facts["state_bytes"] > 0))
    (out / "model.h").write_text(MODEL.format(**words))
    (out / "model_again.h").write_text(AGAIN.format(**words))
    return facts


def build(board: boards.Board, model, firmware: pathlib.Path, images: pathlib.Path,
          out: pathlib.Path) -> pathlib.Path:
    made = boards.make_variables(firmware / f"{model.name}.mk")
    link = [word for word in made["LDFLAGS"].split() if word.startswith("-Wl,--defsym")]
    defines = [word for word in made["CFLAGS"].split() if word.startswith("-D")]
    return boards.compile_program(board, [HERE / "planned.c", *made["SOURCES"].split()],
                                  made["OBJECTS"].split(), out, includes=[firmware, images, HERE],
                                  flags=defines, link=link, stack=STACK)


def read_output(text: str):
    """Scores by image, and the other lines by name."""
    import numpy as np
    scores, values = {}, {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "scores":
            bits = np.array([int(word, 16) for word in words[2:]], np.uint32)
            scores[int(words[1])] = bits.view(np.float32)
        elif len(words) == 2 and words[1].isdigit():
            values[words[0]] = int(words[1])
    return scores, values


def judge_scores(model, scores) -> list[str]:
    """What is wrong with the scores of all images."""
    import numpy as np
    if sorted(scores) != list(range(len(model.expected))):
        return [f"{len(scores)} answers for {len(model.expected)} images"]
    ours = np.stack([scores[i] for i in range(len(scores))])
    apart = float(np.abs(ours - model.expected).max())
    others = int((ours.argmax(1) != model.expected.argmax(1)).sum())
    wrong = []
    if not apart <= model.tolerance:
        wrong.append(f"a score is {apart} from the host's, {model.tolerance} are allowed")
    if others > model.others:
        wrong.append(f"{others} images are read as another digit")
    return wrong


def judge_memory(facts: dict, values: dict) -> list[str]:
    wrong = [f"{name}: {values.get(name)} instead of {code}" for name, code in FAULTS.items()
             if values.get(name) != code]
    if not 0 < values.get("ticks-kernels", 0) < values.get("ticks-total", 0):
        wrong.append(f"of {values.get('ticks-total')} ticks {values.get('ticks-kernels')} were spent "
                     "in kernels (of which planned.c can count 64)")
    arena = facts["arena_bytes"]
    for name in ("arena", "arena-after"):
        if not arena - 64 < values.get(name, -1) <= arena:
            wrong.append(f"{name}: {values.get(name)} bytes were used of {arena}")
    if not 0 < values.get("stack", 0) < STACK:
        wrong.append(f"{values.get('stack')} bytes of stack were used, {STACK} are declared")
    return wrong


def check(options, board: boards.Board, model) -> list[str]:
    place = options.out / f"{model.name}-{board.target}"
    facts = embed(options.eerie, model, board.target, place / "firmware")
    image = build(board, model, place / "firmware", options.out, place)
    code, text = boards.run(board, image)
    scores, values = read_output(text)
    wrong = judge_scores(model, scores) + judge_memory(facts, values)
    if code or wrong:
        wrong.append(f"exit code {code}; the end of the output: {text[-300:]!r}")
    total, kernels = (boards.instructions(board, values.get(f"ticks-{name}", 0))
                      for name in ("total", "kernels"))
    print(f"{model.name:10}{board.target:15}{values.get('stack', 0):8}{facts['arena_bytes']:8}"
          f"{facts['live_bytes']:8}{total:12.0f}{kernels:12.0f}"
          f"{100 * (total - kernels) / max(kernels, 1):8.2f} %  {'; '.join(wrong) or 'right'}",
          flush=True)
    return [f"{model.name} on {board.target}: {line}" for line in wrong]


def main() -> int:
    arguments = suite.parser(__doc__)
    arguments.add_argument("--share", action="store_true",
                           help="all boards for one model, some boards for the others")
    options = arguments.parse_args()
    head = f"{'stack':>8}{'arena':>8}{'live':>8}{'instructions':>12}{'kernels':>12}{'outside':>8}"
    return suite.run(options, head, lambda model: (SHARE if options.share else {}).get(
        model.name, boards.BY_TARGET), check)


if __name__ == "__main__":
    sys.exit(main())
