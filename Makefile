# A thin front of CMake: `make` lists what there is. Each target installs what it needs first; when
# all is there that check takes a moment.
PREFIX ?= /usr/local
VENV := $(CURDIR)/.venv
export PATH := $(VENV)/bin:$(PATH)

.PHONY: help setup build demo examples test test-asan test-onnx test-onnx-import test-frameworks test-gpu test-releases test-platforms test-boards test-iree bench bench-all bench-import bench-sustained install size lint soak clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## install everything that build, test and demo need
	@tools/setup.sh build test demo frameworks

setup-%:
	@tools/setup.sh build $*

build: setup-build ## libeerie, libeerie_compiler and the eerie command in build/release
	@test -f build/release/build.ninja || cmake --preset release
	@cmake --build --preset release

demo: setup-demo ## train on digits in JAX, compile, classify from the CLI and from C
	@test -f build/release/build.ninja || cmake --preset release
	@cmake --build --preset release --target eerie eerie_cli classify
	@$(VENV)/bin/python demo/run.py

EXAMPLES = digits embedded resnet training transformer

examples: setup-test setup-frameworks build ## every folder of examples in full, with TensorFlow; make example-NAME: one
	@$(MAKE) --no-print-directory $(EXAMPLES:%=example-%) WITH=--tensorflow

$(EXAMPLES:%=example-%): example-%: setup-test setup-frameworks build
	@$(VENV)/bin/python examples/$*/run.py $(WITH)

test: setup-test setup-frameworks ## every check this machine can run; all under ASan and UBSan too, threads under TSan
	@tools/check_all.sh release asan-ubsan tsan

test-asan: setup-test ## the tests under ASan and UBSan alone
	@tools/check_all.sh asan-ubsan

ONNX_TESTS = $(VENV)/bin/python tests/conformance/onnx_tests.py --results build/conformance \
	--runner build/release/tests/behaviour/golden_run

test-onnx: setup-test build ## ONNX's backend tests, all of them, beside iree-run-module
	@$(ONNX_TESTS)
	@$(ONNX_TESTS) --kinds real
	@$(ONNX_TESTS) --variant vmvx --share tenth
	@$(ONNX_TESTS) --variant f64
	@$(VENV)/bin/python tests/conformance/report.py

test-onnx-import: setup-test build ## ONNX's tests that only our importer gets through the compiler
	@$(VENV)/bin/python tests/conformance/onnx_import.py --results build/conformance \
	  --runner build/release/tests/behaviour/golden_run --package build/release/python
	@$(VENV)/bin/python tests/conformance/report.py

test-boards: setup-test setup-frameworks build ## firmware: all models on all boards in QEMU, small modules on two
	@PYTHONPATH=build/release/python $(VENV)/bin/python tests/boards/boards_test.py build/release/eerie
	@PYTHONPATH=build/release/python $(VENV)/bin/python tests/boards/interpreter_test.py \
	  build/release/eerie build/release
	@$(VENV)/bin/python tests/boards/values_test.py build/release/eerie --every 12
	@$(VENV)/bin/python tests/boards/values_test.py build/release/eerie --board cortex-m4f

test-iree: setup-test build ## IREE's own tests beside iree-run-module: IREE_SOURCE=/path/to/iree
	@$(VENV)/bin/python tests/conformance/iree_tests.py --source "$(IREE_SOURCE)"
	@$(VENV)/bin/python tests/conformance/report.py

# How much of ONNX's tests each release runs: all, tenth, fast or none.
SHARE ?= all

# Of test-gpu: one of so many of ONNX's tests.
EVERY = 1
test-gpu: setup-test build ## all tests of GPU drivers on this machine's device, under the validation layers too: EVERY=8 is quicker
	@tests/drivers/gpu.sh build/release $(EVERY)
	@tests/drivers/cuda/vendors.sh
	@tests/drivers/cuda/vendors_test.sh build/release

test-frameworks: build ## models of TensorFlow and TFLite, each with its packages in build/frameworks
	@tests/python/frameworks.sh build/release

test-releases: setup-test build ## compilers 3.11, 3.12, 3.13 beside their own runtimes: SHARE=fast is quicker
	@tests/releases/setup.sh 3.11.0 3.12.0
	@$(VENV)/bin/python tests/releases/run.py --share $(SHARE)
	@$(VENV)/bin/python tests/conformance/report.py

test-platforms: setup-test setup-platforms build ## other systems, in emulators: ARM, RISC-V, Windows, musl, macOS linked; NAMES=... some
	@$(VENV)/bin/python tests/platforms/run.py $(NAMES)

bench: setup-demo build ## time and size against the peers
	@$(VENV)/bin/python bench/run.py

bench-all: setup-test build ## all measurements, ten minutes and the first time an hour of compiles; docs/performance.md
	@$(VENV)/bin/python bench/flags.py --compile-only
	@$(VENV)/bin/python bench/report.py --run

bench-import: setup-test build ## time from ONNX to a module beside the compiler's own importer
	@$(VENV)/bin/python bench/import.py

# Of bench-sustained.
SECONDS ?= 3600

# RATE=0: without a pause.
RATE ?= 2000

bench-sustained: setup-demo build ## RATE calls a second from eight threads for SECONDS (3600): latencies, growth of memory
	@$(VENV)/bin/python bench/run.py --sustained $(SECONDS) --rate $(RATE)

install: build ## into PREFIX (default /usr/local), below DESTDIR when that is set
	@cmake --install build/release --prefix "$(PREFIX)"

size: setup-test setup-frameworks build ## bytes per folder for Cortex-M4, of the stripped libraries, of firmware
	@$(VENV)/bin/python tools/size_report.py --build build/release
	@PYTHONPATH=build/release/python $(VENV)/bin/python tools/embedded_report.py --build build/release

lint: setup-test build ## format, includes, warnings of clang, clang-tidy
	@$(VENV)/bin/python tools/check_includes.py
	@$(VENV)/bin/python tools/lint.py

soak: setup-test ## 40 minutes of fuzzing: modules, calls, kernels for CPUs and GPUs, firmware, files, caches; then worker threads under TSan
	@$(VENV)/bin/python tests/fuzz/run.py --seconds 210
	@tests/unit/cpu_task_soak.sh 120

clean: ## remove everything that was built (.venv and out stay)
	rm -rf build
