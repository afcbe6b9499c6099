"""The command around `run`: help, versions, suggestions, bench, inspect, devices, doctor."""
import json
import os
import re
import sys
import unittest

import harness

needs_iree = unittest.skipUnless(harness.IREE_COMPILE, "iree-compile is not there")

COMMANDS = ("compile", "run", "bench", "profile", "check", "inspect", "params", "import", "devices", "doctor")


class Help(harness.Case):
    def test_help(self):
        for arguments in (["--help"], ["help"], ["-h"]):
            done = self.eerie(*arguments)
            self.assertEqual(done.code, 0)
            for command in COMMANDS:
                self.assertRegex(done.out, rf"(?m)^  {command}\b")
        self.assertEqual(self.eerie().code, 2)

    def test_each_command(self):
        for command in COMMANDS:
            done = self.eerie(command, "--help")
            self.assertEqual((done.code, done.err), (0, ""), command)
            self.assertIn(f"Usage: eerie {command}", done.out)
            self.assertIn("Example", done.out)
            self.assertEqual(self.eerie("help", command).out, done.out)

    def test_exit_codes(self):
        done = self.eerie("help", "exit-codes")
        self.assertEqual(done.code, 0)
        for code in range(8):
            self.assertRegex(done.out, rf"(?m)^  {code}  ")

    def test_version(self):
        done = self.eerie("--version")
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"^eerie \d+\.\d+\.\d+\n$")

    def test_suggestions(self):
        self.refuses(2, "rnu", says="did you mean run?")
        self.refuses(2, "inspcet", says="did you mean inspect?")
        self.refuses(2, "zzzzzz", says="see eerie --help")
        self.refuses(2, "bench", "--repetition=1", says="did you mean --repetitions?")
        self.refuses(2, "devices", "--jsno", says="did you mean --json?")
        self.refuses(2, "devices", "extra", says="unexpected argument 'extra'")
        self.refuses(2, "help", "rnu", says="did you mean run?")

    def test_full_output(self):
        with open("/dev/full", "wb") as full:
            process = harness.subprocess.run(
                [harness.EERIE, "--help"], stdout=full, stderr=harness.subprocess.PIPE, check=False
            )
        self.assertEqual(process.returncode, 5, process.stderr)


class Facts(harness.Case):
    def test_devices(self):
        done = self.eerie("devices")
        self.assertEqual(done.code, 0)
        self.assertRegex(done.out, r"(?m)^local-sync +cpu ")
        listed = json.loads(self.eerie("devices", "--json").out)
        self.assertEqual(
            [device["name"] for device in listed],
            [line.split()[0] for line in done.out.splitlines() if not line.startswith(" ")],
        )
        named = self.eerie("run", "--list_devices")
        self.assertEqual(named.out.split(),
                         [device["driver"] + "://" + device["uuid"] if "uuid" in device
                          else device["name"] + "://" for device in listed])
        names = [device["name"].split(":")[0] for device in listed]
        drivers = self.eerie("run", "--list_drivers").out.splitlines()
        self.assertEqual([line.split(":")[0].strip() for line in drivers], names)

    def test_doctor(self):
        done = self.eerie("doctor", "--json")
        report = json.loads(done.out)
        checks = {check["name"]: check for check in report["checks"]}
        self.assertEqual(set(checks), {"cpu", "device", "compiler", "importer"})
        self.assertTrue(checks["device"]["ok"])
        self.assertEqual(report["ok"], all(c["ok"] for c in checks.values() if c["essential"]))
        self.assertEqual(done.code, 0 if report["ok"] else 4)
        text = self.eerie("doctor")
        self.assertEqual(text.code, done.code)
        for name in checks:
            self.assertRegex(text.out, rf"(?m)^(ok|MISSING) +{name} ")

    def test_doctor_without_compiler(self):
        # Nothing on the PATH, no environment, no .venv above; a variable that points nowhere.
        done = self.eerie(
            "doctor", "--json", environment={"EERIE_COMPILER_LIB": "/absent"}, cwd="/"
        )
        self.assertEqual(done.code, 4)
        compiler = next(c for c in json.loads(done.out)["checks"] if c["name"] == "compiler")
        self.assertFalse(compiler["ok"])
        self.assertIn("/absent", compiler["detail"])
        self.assertIn("pip install", compiler["fix"])


@needs_iree
class Modules(harness.Case):
    def setUp(self):
        self.module = harness.compile_module("values.mlir")
        self.scratch = harness.SCRATCH / self.id()
        self.scratch.mkdir()

    def test_bench(self):
        inputs = ["--input=4xf32=1 2 3 4", "--input=4xf32=10"]
        done = self.eerie("bench", self.module, "--function=mul", *inputs, "--repetitions=20")
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("mul: 20 calls, after 5 to warm up", done.out)
        for label in ("min", "median", "p90", "p99", "mean"):
            self.assertRegex(done.out, rf"(?m)^  {label} +[0-9.]+ (ns|us|ms|s)$")
        done = self.eerie(
            "bench",
            f"--module={self.module}",
            "--function=mul",
            *inputs,
            "--min-time=0.05",
            "--warmup=1",
            "--json",
        )
        facts, = json.loads(done.out)
        self.assertEqual(facts["function"], "mul")
        self.assertEqual(facts["warmup"], 1)
        self.assertGreaterEqual(facts["calls"] * facts["mean_ns"], 0.01e9)
        order = [facts[k] for k in ("min_ns", "median_ns", "p90_ns", "p99_ns", "max_ns")]
        self.assertEqual(order, sorted(order))
        self.refuses(2, "bench", "--warmup=x", says="--warmup")
        self.refuses(1, "bench", self.module, "--function=fails", "--input=-1", says="positive")

    def test_inspect(self):
        done = self.eerie("inspect", self.module)
        self.assertEqual(done.code, 0, done.err)
        self.assertIn("module @module", done.out)
        self.assertIn("bytecode 17.0, hal 7, compiler 3.12 or newer", done.out)
        self.assertIn(
            "sync func @mul(%input0: tensor<4xf32>, %input1: tensor<4xf32>) -> "
            "(%output0: tensor<4xf32>)",
            done.out,
        )
        self.assertRegex(done.out, r"kernels for (x86-64|aarch64) \(ELF\)")
        self.assertIn("mul_dispatch_0_elementwise_4_f32", done.out)
        self.assertNotIn("hal.fence.create", done.out)
        self.assertIn("hal.fence.create", self.eerie("inspect", "--imports", self.module).out)

    def test_inspect_json(self):
        (facts,) = json.loads(self.eerie("inspect", "--json", self.module).out)
        self.assertEqual(facts["file_bytes"], os.path.getsize(self.module))
        self.assertEqual(facts["bytecode_version"], "17.0")
        self.assertEqual(facts["hal_version"], 7)
        source = (harness.SOURCE / "values.mlir").read_text()
        expected = set(re.findall(r"^func\.func @(\w+)", source, re.M))
        self.assertEqual({e["name"] for e in facts["exports"]} - {"__init"}, expected)
        self.assertIn("hal.fence.create", {i["name"] for i in facts["imports"]})
        kernels = {k for c in facts["constants"] for k in c.get("kernels", [])}
        self.assertIn("mul_dispatch_0_elementwise_4_f32", kernels)
        self.assertEqual(facts["constant_bytes"], sum(c["bytes"] for c in facts["constants"]))

    def test_disassemble(self):
        done = self.eerie("inspect", "--disassemble=fails", self.module)
        self.assertEqual(done.code, 0, done.err)
        self.assertRegex(done.out, r"^function \d+ @fails:\n")
        self.assertIn('"the number must be positive"', done.out)
        everything = self.eerie("inspect", "--disassemble", self.module)
        self.assertEqual(everything.code, 0, everything.err)
        self.assertIn(done.out.strip(), everything.out)
        self.refuses(2, "inspect", "--disassemble=absent", self.module, says="no function 'absent'")

    def test_inspect_bad_files(self):
        bad = self.scratch / "bad.vmfb"
        bad.write_text("not a module\n")
        self.refuses(3, "inspect", bad, says="bad.vmfb")
        self.refuses(3, "inspect", "absent.vmfb", says="absent.vmfb")
        self.refuses(2, "inspect", says="no file given")
        done = self.refuses(3, "inspect", bad, self.module, says="bad.vmfb")
        self.assertIn("module @module", done.out)
        done = self.refuses(3, "inspect", "--json", bad, self.module, says="bad.vmfb")
        self.assertEqual(len(json.loads(done.out)), 1)


def stamped(module, text):
    """A module with a stamp of any content."""
    comment = text + b"\neerie-stamp:%08x\n" % len(text)
    return module[:-2] + len(comment).to_bytes(2, "little") + comment


@needs_iree
class Inspect(harness.Case):
    def facts(self, path):
        done = self.eerie("inspect", "--json", path)
        self.assertEqual((done.code, done.err), (0, ""))
        return json.loads(done.out)[0]

    def test_parameters(self):
        module = harness.compile_module("parameters.mlir")
        self.assertEqual(
            self.facts(module)["parameters"],
            [{"scope": "model", "key": "layer.weight", "bytes": 16},
             {"scope": "model", "key": "layer.bias", "bytes": 16},
             {"scope": "", "key": 'a "b" \\x0a', "bytes": 4000}],
        )
        done = self.eerie("inspect", module)
        self.assertIn("parameters: 3\n    16 bytes  model::layer.weight\n", done.out)
        self.assertIn('4.0 KB  a "b" \\x0a\n', done.out)

    def test_imports_of_other_modules(self):
        module = harness.compile_module("../modules/link_b.mlir")
        done = self.eerie("inspect", module)
        self.assertRegex(done.out, r"link_a\.\S+ \S+ \(from another module\)")
        self.assertNotIn("hal.fence.create", done.out)
        facts = self.facts(module)
        self.assertTrue(any(not entry["provided"] for entry in facts["imports"]))

    def test_kernels(self):
        module = harness.compile_module("values.mlir")
        done = self.eerie("inspect", module)
        self.assertRegex(done.out, r"\nkernels: embedded-elf-\w+\n")
        (name,) = self.facts(module)["kernel_formats"]
        self.assertTrue(name.startswith("embedded-elf-"))

    def test_stamps(self):
        plain = harness.compile_module("values.mlir").read_bytes()
        module = harness.SCRATCH / "stamped.vmfb"
        module.write_bytes(plain)
        self.assertIsNone(self.facts(module)["provenance"])
        self.assertIsNone(self.facts(module)["compiler"])
        text = '{"producer":"eerie 9.8.7","compiler":"3.99.0","flags":["--a,b","--c=\\"[{"],"x":"\u00e4"}'
        module.write_bytes(stamped(plain, text.encode()))
        done = self.eerie("inspect", module)
        self.assertIn(", compiler 3.99.0;", done.out)
        self.assertIn('\nstamp:\n  "producer":"eerie 9.8.7"\n  "compiler":"3.99.0"\n'
                      '  "flags":["--a,b","--c=\\"[{"]\n  "x":"\\u00e4"\n', done.out)
        facts = self.facts(module)
        self.assertEqual(json.loads(facts["provenance"])["x"], "\u00e4")
        self.assertEqual(facts["compiler"], "3.99.0")

    def test_stamps_of_others(self):
        """Whatever stands there, nothing crashes and no control character gets to the terminal."""
        plain = harness.compile_module("values.mlir").read_bytes()
        module = harness.SCRATCH / "hostile.vmfb"
        for text in (b"{}", b"{{{{", b"]}", b"{]]]]}", b'{"}', b'{"\\}', b'{"a":"\\"}', b'{,,,,}',
                     b'{"compiler":"}', b'{"compiler":"3"}', b'{"compiler":"' + b"3" * 500 + b'"}',
                     b'{"compiler":"\\u001b[31m"}', b'{"x":"\xc2\x9b31m"}', b'{"x":"\x1b[31m"}',
                     b'{"x":"\xf0\x9f\x98\x80"}', b"{" + b"[" * 60000 + b"}", b"not JSON", b"",
                     b'{"compiler":"'):
            module.write_bytes(stamped(plain, text))
            done = self.eerie("inspect", module)
            self.assertEqual((done.code, done.err), (0, ""))
            self.assertFalse([c for c in done.raw if (c < 0x20 and c != 10) or c >= 0x7f], text)
            self.facts(module)
        for end in range(len(plain) - 40, len(plain) + 60):
            module.write_bytes(stamped(plain, b'{"a":"' + b"x" * 40 + b'"}')[:end])
            self.assertIn(self.eerie("inspect", module).code, (0, 3))


if __name__ == "__main__":
    harness.main(sys.modules[__name__])
