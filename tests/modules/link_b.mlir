// Imports from link_a: scalars, bytes, and a tensor function as buffer views.

module @link_b {
  util.func private @link_a.scale(%x: i32, %by: i32) -> i32
  util.func private @link_a.calls() -> i32
  util.func private @link_a.bytes() -> !util.buffer
  util.func private @link_a.add_tensors(%x: !hal.buffer_view, %y: !hal.buffer_view)
    -> !hal.buffer_view

  util.func public @scale_by_ten(%x: i32) -> i32 {
    %c10 = arith.constant 10 : i32
    %r = util.call @link_a.scale(%x, %c10) : (i32, i32) -> i32
    util.return %r : i32
  }
  util.func public @calls_twice() -> (i32, i32) {
    %a = util.call @link_a.calls() : () -> i32
    %b = util.call @link_a.calls() : () -> i32
    util.return %a, %b : i32, i32
  }
  util.func public @size_of_bytes() -> index {
    %b = util.call @link_a.bytes() : () -> !util.buffer
    %n = util.buffer.size %b : !util.buffer
    util.return %n : index
  }
  util.func public @add_through(%x: !hal.buffer_view, %y: !hal.buffer_view) -> !hal.buffer_view {
    %r = util.call @link_a.add_tensors(%x, %y)
      : (!hal.buffer_view, !hal.buffer_view) -> !hal.buffer_view
    util.return %r : !hal.buffer_view
  }
}
