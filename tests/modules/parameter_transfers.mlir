// FLAGS: --compile-from=executable-targets
// What the compiler seldom emits: pieces of parameters gathered into one buffer, and written back.
module @transfers {
  util.func public @gather() -> !hal.buffer_view {
    %c0 = arith.constant 0 : index
    %queue = arith.constant -1 : i64
    %forever = arith.constant -1 : i32
    %size = arith.constant 32 : index
    %device = hal.devices.get %c0 : !hal.device
    %wait = util.null : !hal.fence
    %signal = hal.fence.create device(%device : !hal.device) flags("None") : !hal.fence
    %allocator = hal.device.allocator<%device : !hal.device> : !hal.allocator
    %memory = hal.memory_type<"HostVisible|DeviceVisible|DeviceLocal"> : i32
    %usage = hal.buffer_usage<"Transfer|DispatchStorage|Mapping"> : i32
    %buffer = hal.allocator.allocate<%allocator : !hal.allocator> affinity(%queue) type(%memory) usage(%usage) : !hal.buffer{%size}
    %from0 = arith.constant 8 : i64
    %from1 = arith.constant 0 : i64
    %to1 = arith.constant 16 : index
    %half = arith.constant 16 : index
    %scope = util.buffer.constant : !util.buffer = "model"
    %key0 = util.buffer.constant : !util.buffer = "w"
    %key1 = util.buffer.constant : !util.buffer = "b"
    io_parameters.gather<%device : !hal.device> affinity(%queue) wait(%wait) signal(%signal) {
      %scope::%key0[%from0] -> %buffer[%c0 for %half] : !hal.buffer,
      %scope::%key1[%from1] -> %buffer[%to1 for %half] : !hal.buffer
    }
    %status = hal.fence.await until([%signal]) timeout_millis(%forever) flags("None") : i32
    util.status.check_ok %status, "gather"
    %length = arith.constant 8 : index
    %type = hal.element_type<f32> : i32
    %encoding = hal.encoding_type<dense_row_major> : i32
    %view = hal.buffer_view.create buffer(%buffer : !hal.buffer)[%c0, %size] shape([%length]) type(%type) encoding(%encoding) : !hal.buffer_view
    util.return %view : !hal.buffer_view
  }
  util.func public @scatter(%view: !hal.buffer_view) {
    %c0 = arith.constant 0 : index
    %queue = arith.constant -1 : i64
    %forever = arith.constant -1 : i32
    %device = hal.devices.get %c0 : !hal.device
    %wait = util.null : !hal.fence
    %signal = hal.fence.create device(%device : !hal.device) flags("None") : !hal.fence
    %buffer = hal.buffer_view.buffer<%view : !hal.buffer_view> : !hal.buffer
    %to = arith.constant 4 : i64
    %from = arith.constant 4 : index
    %size = arith.constant 12 : index
    %scope = util.buffer.constant : !util.buffer = "model"
    %key = util.buffer.constant : !util.buffer = "w"
    io_parameters.scatter<%device : !hal.device> affinity(%queue) wait(%wait) signal(%signal) {
      %buffer[%from for %size] : !hal.buffer -> %scope::%key[%to]
    }
    %status = hal.fence.await until([%signal]) timeout_millis(%forever) flags("None") : i32
    util.status.check_ok %status, "scatter"
    util.return
  }
}
