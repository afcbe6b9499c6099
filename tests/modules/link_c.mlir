// Imports from link_a, link_b and the host: what one makes the other takes.

module @link_c {
  util.func private @link_a.calls() -> i32
  util.func private @link_a.numbers(%n: index) -> !util.list<?>
  util.func private @link_a.sum(%list: !util.list<?>) -> i32
  util.func private @link_a.bytes() -> !util.buffer
  util.func private @link_a.mul_fenced(%x: !hal.buffer_view, %y: !hal.buffer_view,
                                       %wait: !hal.fence, %signal: !hal.fence) -> !hal.buffer_view
  util.func private @link_b.scale_by_ten(%x: i32) -> i32
  util.func private @link_b.add_through(%x: !hal.buffer_view, %y: !hal.buffer_view)
    -> !hal.buffer_view
  util.func private @host.start() -> i32
  util.func private @host.list(%list: !util.list<?>) -> !util.list<?>
  util.func private @host.bytes(%b: !util.buffer, %l: !util.list<?>) -> !util.buffer
  util.func private @host.divide(%x: !hal.buffer_view, %y: !hal.buffer_view)
    -> (!hal.buffer_view, !hal.buffer_view)

  // Those it imports from are initialised: the counter of link_a is at 1 after this.
  util.global private @counted : i32
  util.global private @started : i32
  util.initializer {
    %n = util.call @link_a.calls() : () -> i32
    util.global.store %n, @counted : i32
    %m = util.call @host.start() : () -> i32
    util.global.store %m, @started : i32
    util.return
  }
  util.func public @state() -> (i32, i32, i32) {
    %n = util.global.load @counted : i32
    %m = util.global.load @started : i32
    %now = util.call @link_a.calls() : () -> i32
    util.return %n, %m, %now : i32, i32, i32
  }
  // A list from link_a through the host to link_a; ten times its sum by link_b.
  util.func public @lists(%n: index) -> (!util.list<?>, i32) {
    %made = util.call @link_a.numbers(%n) : (index) -> !util.list<?>
    %turned = util.call @host.list(%made) : (!util.list<?>) -> !util.list<?>
    %sum = util.call @link_a.sum(%turned) : (!util.list<?>) -> i32
    %r = util.call @link_b.scale_by_ten(%sum) : (i32) -> i32
    util.return %turned, %r : !util.list<?>, i32
  }
  util.func public @bytes(%n: index) -> !util.buffer {
    %made = util.call @link_a.numbers(%n) : (index) -> !util.list<?>
    %b = util.call @link_a.bytes() : () -> !util.buffer
    %r = util.call @host.bytes(%b, %made) : (!util.buffer, !util.list<?>) -> !util.buffer
    util.return %r : !util.buffer
  }
  // (x + y) / y
  util.func public @tensors(%x: !hal.buffer_view, %y: !hal.buffer_view) -> !hal.buffer_view {
    %sum = util.call @link_b.add_through(%x, %y)
      : (!hal.buffer_view, !hal.buffer_view) -> !hal.buffer_view
    %r:2 = util.call @host.divide(%sum, %y)
      : (!hal.buffer_view, !hal.buffer_view) -> (!hal.buffer_view, !hal.buffer_view)
    util.return %r#0 : !hal.buffer_view
  }
  // x * y through fences: the product is there when the second is signaled.
  util.func public @fences(%x: !hal.buffer_view, %y: !hal.buffer_view) -> (!hal.buffer_view, i32) {
    %c0 = arith.constant 0 : index
    %never = arith.constant -1 : i32
    %device = hal.devices.get %c0 : !hal.device
    %wait = util.null : !hal.fence
    %signal = hal.fence.create device(%device : !hal.device) flags("None") : !hal.fence
    %r = util.call @link_a.mul_fenced(%x, %y, %wait, %signal)
      : (!hal.buffer_view, !hal.buffer_view, !hal.fence, !hal.fence) -> !hal.buffer_view
    %status = hal.fence.await until([%signal]) timeout_millis(%never) flags("None") : i32
    util.return %r, %status : !hal.buffer_view, i32
  }
}
