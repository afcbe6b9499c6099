// What a call of a function in C costs: n of them in a row, and the loop without them.

module @native_cost {
  util.func private @host.first(%x: !hal.buffer_view, %y: !hal.buffer_view) -> !hal.buffer_view

  util.func public @calls(%x: !hal.buffer_view, %y: !hal.buffer_view, %n: i32) -> !hal.buffer_view {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%v = %x) -> !hal.buffer_view : i32 {
      %w = util.call @host.first(%v, %y) : (!hal.buffer_view, !hal.buffer_view) -> !hal.buffer_view
      scf.yield %w : !hal.buffer_view
    }
    util.return %r : !hal.buffer_view
  }
  util.func public @none(%x: !hal.buffer_view, %y: !hal.buffer_view, %n: i32) -> i32 {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%v = %c0) -> i32 : i32 {
      %w = arith.xori %v, %i : i32
      scf.yield %w : i32
    }
    util.return %r : i32
  }
}
