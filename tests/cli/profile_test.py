"""`eerie profile`, `run --trace`, `run --print_statistics`, `inspect --dispatches` and `--memory`.

The oracles: what the module's source says that it allocates and dispatches, the names of kernels as
IREE's own benchmark tools of dispatches see them in the module, and the rules of the formats.
"""
import html.parser
import json
import re
import sys
import unittest

import harness

needs_iree = unittest.skipUnless(
    harness.IREE_COMPILE and harness.IREE_RUN, "iree-compile and iree-run-module are not there"
)

# 6 x 16 x 8 and 16 x 4: 2 operations for each of 6 * 16 * 8 products. A second function with a
# transient tensor between two kernels, a third whose shape is open, a fourth with fences.
SOURCE = """
func.func @product(%a: tensor<6x8xf32>, %b: tensor<8x16xf32>) -> tensor<6x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %r = linalg.matmul ins(%a, %b : tensor<6x8xf32>, tensor<8x16xf32>)
                     outs(%f : tensor<6x16xf32>) -> tensor<6x16xf32>
  return %r : tensor<6x16xf32>
}
func.func @open(%a: tensor<?xf32>) -> tensor<?xf32> {
  %r = arith.addf %a, %a : tensor<?xf32>
  return %r : tensor<?xf32>
}
util.func public @later(%a: tensor<4xf32>) -> tensor<4xf32>
    attributes {iree.abi.model = "coarse-fences"} {
  %r = arith.mulf %a, %a : tensor<4xf32>
  util.return %r : tensor<4xf32>
}
util.global private @weights = dense_resource<w> : tensor<64x64xf32>
func.func @chain(%a: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = util.global.load @weights : tensor<64x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
  %x = linalg.matmul ins(%a, %w : tensor<1x64xf32>, tensor<64x64xf32>)
                     outs(%f : tensor<1x64xf32>) -> tensor<1x64xf32>
  %b = util.optimization_barrier %x : tensor<1x64xf32>
  %y = linalg.matmul ins(%b, %w : tensor<1x64xf32>, tensor<64x64xf32>)
                     outs(%f : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}
{-# dialect_resources: { builtin: { w: "0x40000000WEIGHTS" } } #-}
"""


def compile_source():
    """The module and its source, once."""
    source = harness.SCRATCH / "profiled.mlir"
    module = harness.SCRATCH / "profiled.vmfb"
    if not module.exists():
        # Different values: a splat is no constant in the file.
        weights = b"".join((i * 2654435761 % 2**32 >> 9 | 0x3F800000).to_bytes(4, "little")
                           for i in range(64 * 64))
        source.write_text(SOURCE.replace("WEIGHTS", weights.hex().upper()))
        done = harness.execute(
            [harness.IREE_COMPILE, source, *harness.COMPILE_FLAGS, "-o", module]
        )
        if done.code != 0:
            raise RuntimeError(done.err)
    return module


class ProfileCase(harness.Case):
    def setUp(self):
        self.module = compile_source()
        self.folder = harness.SCRATCH / self.id()
        self.folder.mkdir()

    def figures(self, text):
        """kind -> (peak, allocated, freed, live) of --print_statistics."""
        pattern = r"(?m)^ *(\w+): +(\d+)B peak / +(\d+)B allocated / +(\d+)B freed / +(\d+)B live$"
        return {kind: tuple(map(int, rest)) for kind, *rest in re.findall(pattern, text)}


@needs_iree
class Run(ProfileCase):
    def test_trace(self):
        plain = self.eerie("run", self.module, "--function=product", "--input=6x8xf32=1",
                           "--input=8x16xf32=2")
        done = self.eerie("run", self.module, "--function=product", "--input=6x8xf32=1",
                          "--input=8x16xf32=2", "--trace")
        self.assertEqual((done.code, done.out), (0, plain.out))
        lines = done.err.splitlines()
        self.assertEqual(lines[0].split(), ["worker", "workgroups", "bytes", "time", "GFLOP/s", "kernel"])
        kernels = [line for line in lines if "matmul_6x16x8_f32" in line]
        self.assertEqual(len(kernels), 1, done.err)
        # 6 x 8, 8 x 16 and 6 x 16 floats; a rate where the name tells the sizes.
        self.assertRegex(kernels[0], r"^ +0  \d+x\d+x\d+ +1\.1 KB +[\d.]+ (ns|us|ms) +[\d.e+-]+  \S+$")
        self.assertRegex(lines[-1], r"^\d+ dispatch(es)?, .* of the call's ")

    def test_statistics(self):
        done = self.eerie("run", self.module, "--function=chain", "--input=1x64xf32=1", "--output=",
                          "--print_statistics")
        self.assertEqual(done.code, 0, done.err)
        figures = self.figures(done.err)
        self.assertEqual(list(figures),
                         ["constants", "state", "tensors", "transient", "results", "all"])
        self.assertEqual(figures["tensors"][0], 256)
        self.assertEqual(figures["results"], (256, 256, 256, 0))
        peak, allocated, freed, live = figures["transient"]
        self.assertGreaterEqual(peak, 256)
        self.assertEqual((allocated, live), (freed, 0))
        self.assertGreaterEqual(figures["constants"][0] + figures["state"][0], 64 * 64 * 4)
        for peak, allocated, freed, live in figures.values():
            self.assertLessEqual(peak, allocated)
            self.assertEqual(allocated, freed + live)
        rest = dict(re.findall(r"(?m)^ *(code|other): +(\d+)B peak / +\d+B live$", done.err))
        self.assertEqual(list(rest), ["code", "other"])
        # A module, a page of kernels at least; a program with its stack.
        self.assertGreater(int(rest["code"]), 4096)
        self.assertGreater(int(rest["other"]), 1024)


@needs_iree
class Profile(ProfileCase):
    def profile(self, *arguments):
        done = self.eerie("profile", self.module, "--function=chain", "--repetitions=7",
                          *arguments, cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        return done

    def test_table(self):
        out = self.profile().out.splitlines()
        self.assertRegex(out[0], r"^chain: 7 calls observed, median .*, least .*; "
                                 r"without an observer .* \([+-][\d.]+%\); "
                                 r"one of 2 calls observed: [+-][\d.]+% of all$")
        shares = [float(line.split("%")[0]) for line in out[2:]]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertAlmostEqual(sum(shares), 100, delta=1)
        # As many dispatches in a call as --dispatches tells.
        each = [float(re.findall(r"[nuµm]?s +([\d.]+) ", line)[0]) for line in out[2:]]
        told = json.loads(self.eerie("inspect", "--dispatches", "--function=chain", "--json",
                                     self.module).out)
        self.assertEqual(sum(each), len(told[0]["functions"][0]["dispatches"]))

    def test_trace(self):
        self.profile("-o", "trace.json")
        trace = json.loads((self.folder / "trace.json").read_text())
        how = trace["otherData"]
        self.assertEqual((how["function"], how["calls observed"]), ("chain", 7))
        self.assertEqual(how["one observed of calls"], 2)
        events = trace["traceEvents"]
        for event in events:
            self.assertIn(event["ph"], "XMC")
            self.assertLessEqual({"name", "pid", "tid"}, event.keys())
        spans = [e for e in events if e["ph"] == "X"]
        calls = [e for e in spans if e["cat"] == "call"]
        dispatches = [e for e in spans if e["cat"] == "dispatch" and "chain" in e["name"]]
        self.assertEqual([e["name"] for e in calls], ["chain"] * 7)
        self.assertEqual(len(dispatches) % 7, 0)
        self.assertGreater(len(dispatches), 0)
        # Each dispatch lies in a call; what one thread does is nested.
        for event in dispatches:
            inside = [c for c in calls if c["ts"] <= event["ts"] + 1e-3 and
                      event["ts"] + event["dur"] <= c["ts"] + c["dur"] + 1e-3]
            self.assertEqual(len(inside), 1)
            self.assertEqual(event["args"]["workgroups_done"],
                             eval(event["args"]["workgroups"].replace("x", "*")))
        counters = [e["args"] for e in events if e["ph"] == "C"]
        self.assertTrue(all(value >= 0 for c in counters for value in c.values()))
        self.assertEqual((counters[-1]["transient"], counters[-1]["results"]), (0, 0))
        self.assertEqual(max(c["results"] for c in counters), 256)

    def test_in_flight(self):
        done = self.eerie("profile", self.module, "--function=later", "--in-flight=5",
                          "--repetitions=3", "-o", "trace.json", cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("later: 15 calls observed, ", done.out)
        events = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
        self.assertEqual(len([e for e in events if e.get("cat") == "dispatch"]), 15)
        for function, number, message in (("chain", "2", "chain is synchronous"),
                                          ("later", "0", "0 is not from 1 to")):
            done = self.eerie("profile", self.module, "--function=" + function,
                              "--in-flight=" + number)
            self.assertEqual(done.code, 2, done.err)
            self.assertIn("--in-flight: ", done.err)
            self.assertIn(message, done.err)

    def test_every(self):
        """How often calls are observed can be said, and is what it is said to be."""
        out = self.profile("--every=5", "-o", "trace.json").out
        self.assertRegex(out.splitlines()[0], r"^chain: 7 calls .*; one of 5 calls observed: ")
        how = json.loads((self.folder / "trace.json").read_text())["otherData"]
        self.assertEqual(how["one observed of calls"], 5)
        self.assertAlmostEqual(how["cost of observing, all calls"],
                               how["cost of observing a call"] / 5, delta=1e-6)
        self.assertRegex(self.profile("--every=1").out, "without an observer unknown")

    def test_page(self):
        self.profile("--html=page.html")
        text = (self.folder / "page.html").read_text()
        found = {"tags": [], "links": [], "script": [], "cells": []}

        class Reader(html.parser.HTMLParser):
            def handle_starttag(self, tag, attributes):
                found["tags"].append(tag)
                found["links"] += [v for k, v in attributes if k in ("src", "href", "srcset")]

            def handle_endtag(self, tag):
                while found["tags"] and found["tags"].pop() != tag:
                    pass

            def handle_data(self, data):
                if found["tags"][-1:] == ["script"]:
                    found["script"].append(data)
                if found["tags"][-1:] == ["td"]:
                    found["cells"].append(data)

        reader = Reader()
        reader.feed(text)
        reader.close()
        self.assertEqual(found["links"], [])
        self.assertNotRegex(text, r"https?:|url\(|@import|fetch\(|import\(")
        data = json.loads(found["script"][0])
        self.assertEqual(data["tracks"], ["caller"])
        calls = [span for span in data["spans"] if span[5] == 1]
        self.assertEqual(len(calls), 7)
        self.assertTrue(all(len(span) == 7 and span[4] < len(data["names"])
                            for span in data["spans"]))
        self.assertTrue(any("chain_dispatch" in cell for cell in found["cells"]))

    def test_hostile_names(self):
        """A kernel's name is text, whatever it looks like."""
        # Of the same length, so that the file stays what it is; strings of the library end with NUL.
        data = self.module.read_bytes()
        name = re.search(rb"chain_dispatch_0_[A-Za-z0-9_]+(?=\0)", data).group()
        evil = b"</script><b>\"&'"
        if len(name) < len(evil):
            self.skipTest("kernels have short names")
        module = self.folder / "evil.vmfb"
        module.write_bytes(data.replace(name + b"\0", evil.ljust(len(name), b"_") + b"\0"))
        done = self.eerie("profile", module, "--function=chain", "--repetitions=2",
                          "--html=evil.html", "--output=evil.json", cwd=self.folder)
        if done.code != 0:  # the name is also how the module finds it
            self.assertIn(done.code, (1, 3, 7), done.err)
            return
        page = (self.folder / "evil.html").read_text()
        self.assertEqual(page.count("</script>"), 2)
        self.assertNotIn("<b>", page)
        json.loads((self.folder / "evil.json").read_text())

    def test_few_events(self):
        done = self.eerie("profile", self.module, "--function=chain", "--repetitions=50",
                          "--events=60", "-o", "few.json", cwd=self.folder)
        self.assertEqual(done.code, 0, done.err)
        self.assertLessEqual(
            len([e for e in json.loads((self.folder / "few.json").read_text())["traceEvents"]
                 if e["ph"] != "M"]), 60)

    def test_refusals(self):
        one = ["profile", self.module, "--function=chain"]
        self.refuses(2, "profile", self.module, "--function=open", says=["open", "--input="])
        self.refuses(2, "profile", self.module, "--function=none", says="NOT_FOUND")
        self.refuses(2, *one, "--events=0", says="--events")
        self.refuses(2, *one, "--fill=x", says="--fill")
        self.refuses(5, *one, "-o", "/nowhere/t.json", says="/nowhere/t.json")
        self.refuses(5, *one, "--html=/nowhere/t.html", says="/nowhere/t.html")
        self.refuses(3, "profile", "absent.vmfb", says="absent.vmfb")


@needs_iree
class Inspect(ProfileCase):
    def inspect(self, *arguments, code=0):
        done = self.eerie("inspect", "--json", *arguments, self.module)
        self.assertEqual(done.code, code, done.err)
        return json.loads(done.out)[0]

    def test_dispatches(self):
        """Kernels and order as the compiler's own listing of the host code has them."""
        found = self.inspect("--dispatches", "--function=product")
        assembly = harness.execute(
            [harness.IREE_COMPILE, harness.SCRATCH / "profiled.mlir", *harness.COMPILE_FLAGS,
             "--compile-to=stream", "-o", "-"]).out
        body = assembly[assembly.index("@product("):]
        expected = re.findall(r"stream\.cmd\.dispatch @\w+::@([\w$]+)",
                              body[:body.index("util.return")])
        told = [d["kernel"] for d in found["functions"][0]["dispatches"]]
        self.assertEqual(told, expected)
        product = found["functions"][0]["dispatches"][-1]
        self.assertEqual(product["flop"], 2 * 6 * 16 * 8)
        self.assertEqual(product["bytes"], 4 * (6 * 8 + 8 * 16 + 6 * 16))
        kernels = {kernel["kernel"]: kernel for kernel in found["kernels"]}
        self.assertLessEqual(set(told), set(kernels))
        self.assertEqual(kernels[told[-1]]["bindings"], 3)
        text = self.eerie("inspect", "--dispatches", "--function=product", self.module).out
        self.assertIn("profiled.mlir:", text)
        self.assertIn("matmul_6x16x8_f32", text)

    def test_memory(self):
        """The same figures as a real run has."""
        for function, inputs in (("product", ["6x8xf32", "8x16xf32"]), ("chain", ["1x64xf32"])):
            peaks = self.inspect("--memory", f"--function={function}")["functions"][0]["peak_bytes"]
            done = self.eerie("run", self.module, f"--function={function}", "--output=",
                              "--print_statistics", *(f"--input={i}" for i in inputs))
            real = self.figures(done.err)
            self.assertEqual(peaks["arguments"], real["tensors"][0])
            self.assertEqual(peaks["transient"], real["transient"][0])
            self.assertEqual(peaks["results"], real["results"][0])
            self.assertEqual(peaks["state"], real["state"][0])
            self.assertEqual(peaks["weights"], real["constants"][3])
            self.assertEqual(peaks["together"], real["all"][0] + real["constants"][3])
            code = re.search(r"(?m)^ *code: +(\d+)B peak", done.err)
            self.assertEqual(peaks["code"], int(code[1]))
            self.assertGreater(peaks["other"], 0)

    def test_open_shapes(self):
        done = self.eerie("inspect", "--memory", self.module)
        self.assertEqual(done.code, 2)
        self.assertIn("open", done.err)
        self.assertIn("product:", done.out)
        self.assertIn("chain:", done.out)
        peaks = self.inspect("--memory", "--function=open", "--input=1000xf32")
        self.assertEqual(peaks["functions"][0]["peak_bytes"]["results"], 4000)

    def test_no_kernel_runs(self):
        """A loop that never ends is left, a kernel that would take long is not run."""
        control = harness.compile_module("../modules/control.mlir")
        done = self.eerie("inspect", "--memory", control, timeout=60)
        self.assertEqual(done.code, 1)
        self.assertIn("DEADLINE_EXCEEDED", done.err)

    def test_static_kernels(self):
        """No device has the kernels of a module for a microcontroller: its calls are recorded."""
        static = ("--iree-hal-target-backends=llvm-cpu", "--iree-llvmcpu-link-embedded=false",
                  "--iree-llvmcpu-link-static=true", "--iree-llvmcpu-target-cpu=generic",
                  f"--iree-llvmcpu-static-library-output-path={self.folder / 'kernels.o'}")
        sources = {
            "fixed": "tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {\n"
                     "  %y = arith.mulf %x, %w : tensor<4xf32>\n  return %y : tensor<4xf32>\n}",
            "open": "tensor<?xf32>) -> tensor<?xf32> {\n"
                    "  %y = arith.addf %x, %x : tensor<?xf32>\n  return %y : tensor<?xf32>\n}",
        }
        found = {}
        for name, rest in sources.items():
            source, module = self.folder / f"{name}.mlir", self.folder / f"{name}.vmfb"
            source.write_text(f"func.func @f(%x: {rest}\n")
            done = harness.execute([harness.IREE_COMPILE, source, *static, "-o", module])
            self.assertEqual(done.code, 0, done.err)
            done = self.eerie("inspect", "--memory", "--dispatches", "--json", module)
            self.assertEqual(done.code, 0, done.err)
            found[name] = json.loads(done.out)[0]
            self.assertIn("not in this file", found[name]["kernels_are"])
            text = self.eerie("inspect", "--memory", module)
            self.assertEqual((text.code, text.err), (0, ""))
            self.assertIn("kernels: not in this file", text.out)
        function, = found["fixed"]["functions"]
        self.assertEqual(function["peak_bytes"], {"weights": 0, "state": 0, "arguments": 32,
                                                  "transient": 0, "results": 16, "together": 48})
        dispatch, = function["dispatches"]
        self.assertEqual((dispatch["bindings"], dispatch["bytes"]), (3, 48))
        self.assertIn("_dispatch_0", dispatch["kernel"])
        self.assertIn("fixed shapes", found["open"]["calls_unknown"])
        self.refuses(2, "inspect", "--memory", "--function=none", self.folder / "fixed.vmfb",
                     says="none")

    def test_refusals(self):
        self.refuses(2, "inspect", "--memory", "--function=none", self.module, says="none")
        self.refuses(3, "inspect", "--memory", "absent.vmfb", says="absent.vmfb")
        self.refuses(7, "inspect", "--memory", "--device=moon", self.module, says="moon")


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
