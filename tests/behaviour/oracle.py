"""Answers the scripts of golden_run.c through IREE's own runtime: the other side of golden.py."""

import struct
import sys

import iree.runtime as rt
from iree.runtime import _binding as b


class Session:
    def __init__(self):
        self.instance = b.VmInstance()
        self.device = rt.get_device("local-sync")
        self.hal = b.create_hal_module(self.instance, self.device)
        self.modules = []
        self.context = None
        self.args = []
        self.lines = (line.rstrip("\n") for line in sys.stdin)

    def bytes_of(self, word):
        return b"" if word == "-" else bytes.fromhex(word)

    def value(self, words):
        """One argument as a function that pushes it on a list."""
        kind = words[0]
        if kind in ("i32", "i64"):
            return lambda l, v=int(words[1]): l.push_int(v)
        if kind == "f32":
            number = struct.unpack("<f", struct.pack("<I", int(words[1], 16)))[0]
            return lambda l: l.push_float(number)
        if kind == "f64":
            number = struct.unpack("<d", struct.pack("<Q", int(words[1], 16)))[0]
            return lambda l: l.push_float(number)
        if kind == "null":
            return lambda l: l.push_ref(b.VmRef())
        if kind == "buffer":
            data = self.bytes_of(words[1])
            buffer = b.VmBuffer(len(data), 0, True)
            if data:
                memoryview(buffer)[:] = data
            return lambda l: l.push_ref(buffer)
        if kind == "tensor":
            dtype, rank = int(words[1], 0), int(words[2])
            shape = [int(w) for w in words[3:3 + rank]]
            data = self.bytes_of(words[3 + rank])
            buffer = self.device.allocator.allocate_buffer_copy(
                b.MemoryType.DEVICE_LOCAL | b.MemoryType.HOST_VISIBLE,
                b.BufferUsage.DEFAULT | b.BufferUsage.MAPPING, self.device, data or b"\0")
            view = b.HalBufferView(buffer, shape, dtype)
            return lambda l: l.push_ref(view)
        if kind == "list":
            elements = []
            for _ in range(int(words[1])):
                elements.append(self.value(next(self.lines).split(" ")[1:]))
            result = b.VmVariantList(len(elements))
            for push in elements:
                push(result)
            return lambda l: l.push_list(result)
        raise ValueError(kind)

    def print_value(self, values, i):
        value = values.get_variant(i)
        if value is None:
            print("null")
        elif isinstance(value, int):
            print("int", value)
        elif isinstance(value, float):
            print("float", struct.pack(">d", value).hex())
        elif value.isinstance(b.HalBufferView):
            view = value.deref(b.HalBufferView)
            record = values.get_serialized_trace_value(i)
            shape = list(view.shape)
            size = self.byte_size(view.element_type, shape)
            print("tensor 0x%08x" % int(view.element_type), len(shape), *shape,
                  record["contents"][:size].hex() or "-")
        elif value.isinstance(b.VmBuffer):
            print("buffer", bytes(memoryview(value.deref(b.VmBuffer))).hex() or "-")
        elif value.isinstance(b.VmVariantList):
            elements = values.get_as_list(i)
            print("list", len(elements))
            for k in range(len(elements)):
                self.print_value(elements, k)
        else:
            print("other")

    @staticmethod
    def byte_size(dtype, shape):
        count = 1
        for size in shape:
            count *= size
        return (count * (int(dtype) & 0xFF) + 7) // 8

    def call(self, name):
        print("call", name)
        try:
            function = None
            for module in reversed(self.modules):
                function = function or module.lookup_function(name)
            inputs = b.VmVariantList(len(self.args))
            for push in self.args:
                push(inputs)
            signal = None
            if function.reflection.get("iree.abi.model") == "coarse-fences":
                semaphore = self.device.create_semaphore(0)
                inputs.push_ref(b.HalFence(0))
                signal = b.HalFence.create_at(semaphore, 1)
                inputs.push_ref(signal)
            results = b.VmVariantList(8)
            self.context.invoke(function, inputs, results)
            if signal:
                signal.wait()
            for i in range(len(results)):
                self.print_value(results, i)
        except Exception as error:  # whatever IREE refuses with is an answer
            self.print_error(error)
        self.args = []
        print("end", flush=True)

    @staticmethod
    def print_error(error):
        print("error", " ".join(str(error).split()))

    def link(self):
        print("call link")
        try:
            self.context = b.VmContext(self.instance, [self.hal] + self.modules)
        except Exception as error:
            self.print_error(error)
        print("end", flush=True)

    def run(self):
        for line in self.lines:
            words = line.split(" ")
            if words[0] == "arg":
                self.args.append(self.value(words[1:]))
            elif words[0] == "call":
                self.call(words[1])
            elif words[0] == "module":
                self.modules.append(b.VmModule.mmap(self.instance, words[1]))
            elif words[0] == "link":
                self.link()
            elif words[0] != "device":
                raise ValueError(line)


if __name__ == "__main__":
    Session().run()
