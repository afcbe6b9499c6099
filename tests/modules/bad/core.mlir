// Every kind of operand of the core instructions, for make_bad.py to damage.
vm.module @core {
  vm.rodata private @text "some text"
  vm.rodata private @more "more text"
  vm.global.i32 private mutable @small = 1 : i32
  vm.global.i64 private mutable @wide = 2 : i64
  vm.global.ref private mutable @kept : !vm.buffer

  vm.import private @other.plain(%a : i32, %b : i64, %c : !vm.buffer) -> (i64, !vm.buffer)
  vm.import private @other.pairs(%a : i32, %b : tuple<i64, !vm.buffer> ..., %c : i32) -> i32
  vm.import private optional @other.maybe(%a : i32) -> i32
  vm.import private @other.slow(%a : i32) -> i32 attributes {vm.yield}
  vm.import private @other.slow_many(%a : i32, %b : i32 ...) -> i32 attributes {vm.yield}

  vm.export @globals
  vm.func @globals(%a: i32, %b: i64, %c: !vm.buffer) -> (i32, i64, !vm.buffer) {
    %0 = vm.global.load.i32 @small : i32
    %1 = vm.global.load.i64 @wide : i64
    %2 = vm.global.load.ref @kept : !vm.buffer
    %3 = vm.add.i32 %0, %a : i32
    %4 = vm.add.i64 %1, %b : i64
    vm.global.store.i32 %3, @small : i32
    vm.global.store.i64 %4, @wide : i64
    vm.global.store.ref %c, @kept : !vm.buffer
    vm.return %0, %1, %2 : i32, i64, !vm.buffer
  }

  vm.export @constants
  vm.func @constants() -> (i32, i64, i32, i64, !vm.buffer, !vm.buffer) {
    %0 = vm.const.i32 1234
    %1 = vm.const.i64 5678
    %2 = vm.const.i32.zero
    %3 = vm.const.i64.zero
    %4 = vm.const.ref.zero : !vm.buffer
    %5 = vm.const.ref.rodata @text : !vm.buffer
    vm.return %0, %1, %2, %3, %4, %5 : i32, i64, i32, i64, !vm.buffer, !vm.buffer
  }

  vm.export @lists
  vm.func @lists(%n: i32, %v: i64, %b: !vm.buffer) -> (!vm.list<?>, i32, i64) {
    %c0 = vm.const.i32.zero
    %l = vm.list.alloc %n : (i32) -> !vm.list<?>
    %w = vm.list.alloc %n : (i32) -> !vm.list<i64>
    vm.list.reserve %w, %n : (!vm.list<i64>, i32)
    vm.list.resize %w, %n : (!vm.list<i64>, i32)
    vm.list.resize %l, %n : (!vm.list<?>, i32)
    vm.list.set.i32 %l, %c0, %n : (!vm.list<?>, i32, i32)
    vm.list.set.i64 %w, %c0, %v : (!vm.list<i64>, i32, i64)
    vm.list.set.ref %l, %c0, %b : (!vm.list<?>, i32, !vm.buffer)
    %i = vm.list.get.i32 %l, %c0 : (!vm.list<?>, i32) -> i32
    %j = vm.list.get.i64 %w, %c0 : (!vm.list<i64>, i32) -> i64
    %r = vm.list.get.ref %l, %c0 : (!vm.list<?>, i32) -> !vm.buffer
    %s = vm.list.size %l : (!vm.list<?>) -> i32
    %t = vm.add.i32 %i, %s : i32
    vm.print "got"(%r, %t) : !vm.buffer, i32
    vm.return %l, %t, %j : !vm.list<?>, i32, i64
  }

  vm.export @selects
  vm.func @selects(%a: i32, %b: i32, %c: i64, %d: i64, %e: !vm.buffer, %f: !vm.buffer) -> (i32, i64, !vm.buffer, i32, i64, !vm.buffer) {
    %0 = vm.select.i32 %a, %a, %b : i32
    %1 = vm.select.i64 %a, %c, %d : i64
    %2 = vm.select.ref %a, %e, %f : !vm.buffer
    %3 = vm.switch.i32 %a[%a, %b] else %b : i32
    %4 = vm.switch.i64 %a[%c, %d] else %d : i64
    %5 = vm.switch.ref %a[%e, %f] else %e : !vm.buffer
    vm.return %0, %1, %2, %3, %4, %5 : i32, i64, !vm.buffer, i32, i64, !vm.buffer
  }

  vm.export @branches
  vm.func @branches(%a: i32, %b: i64, %r: !vm.buffer) -> (i64, !vm.buffer) {
    %0 = vm.const.ref.rodata @more : !vm.buffer
    vm.cond_br %a, ^bb1(%b, %r : i64, !vm.buffer), ^bb2(%b : i64)
  ^bb1(%x: i64, %y: !vm.buffer):
    %1 = vm.add.i64 %x, %b : i64
    vm.br ^bb3(%1, %y : i64, !vm.buffer)
  ^bb2(%z: i64):
    vm.br_table %a {
      default: ^bb3(%z, %0 : i64, !vm.buffer),
      0: ^bb1(%z, %0 : i64, !vm.buffer),
      1: ^bb1(%z, %r : i64, !vm.buffer)
    }
  ^bb3(%p: i64, %q: !vm.buffer):
    vm.return %p, %q : i64, !vm.buffer
  }

  vm.func private @callee(%a: i32, %b: i64, %r: !vm.buffer) -> (!vm.buffer, i64) attributes {inlining_policy = #util.inline.never} {
    %0 = vm.ext.i32.i64.s %a : i32 -> i64
    %1 = vm.mul.i64 %0, %b : i64
    vm.return %r, %1 : !vm.buffer, i64
  }

  vm.export @calls
  vm.func @calls(%a: i32, %b: i64, %r: !vm.buffer) -> (i64, i32) {
    %0, %1 = vm.call @callee(%a, %b, %r) : (i32, i64, !vm.buffer) -> (!vm.buffer, i64)
    %2, %3 = vm.call @other.plain(%a, %1, %0) : (i32, i64, !vm.buffer) -> (i64, !vm.buffer)
    %4 = vm.call.variadic @other.pairs(%a, [(%2, %3), (%b, %r)], %a) : (i32, tuple<i64, !vm.buffer> ..., i32) -> i32
    %5 = vm.import.resolved @other.maybe : i32
    vm.cond_br %5, ^bb1, ^bb2(%4 : i32)
  ^bb1:
    %6 = vm.call @other.maybe(%4) : (i32) -> i32
    vm.br ^bb2(%6 : i32)
  ^bb2(%7: i32):
    vm.return %2, %7 : i64, i32
  }

  vm.export @waits
  vm.func @waits(%a: i32) -> i32 {
    vm.call.yieldable @other.slow(%a) : (i32) -> ^bb1(i32)
  ^bb1(%0: i32):
    vm.call.variadic.yieldable @other.slow_many(%a, %0, %0) <{segment_sizes = dense<[-1, 2]> : vector<2xi16>, segment_types = [i32, i32]}> : (i32, i32, i32) -> ^bb2(i32)
  ^bb2(%1: i32):
    vm.yield ^bb3(%1 : i32)
  ^bb3(%2: i32):
    vm.return %2 : i32
  }

  vm.export @debug
  vm.func @debug(%a: i32, %r: !vm.buffer) {
    vm.trace "event"(%a, %r) : i32, !vm.buffer
    vm.break ^bb1
  ^bb1:
    vm.fail %a, "failed on purpose"
  }

  vm.export @buffers
  vm.func @buffers(%r: !vm.buffer, %n: i64, %a: i32) -> (!vm.buffer, i32, i64) {
    %c16 = vm.const.i32 16
    %0 = vm.buffer.alloc %n, %c16 : !vm.buffer
    %1 = vm.buffer.length %r : !vm.buffer -> i64
    vm.buffer.copy %r, %n, %0, %n, %1 : !vm.buffer -> !vm.buffer
    %2 = vm.buffer.compare %r, %n, %0, %n, %1 : !vm.buffer, !vm.buffer
    vm.buffer.fill.i32 %0, %n, %1, %a : i32 -> !vm.buffer
    vm.buffer.store.i64 %n, %0[%n] : i64 -> !vm.buffer
    %3 = vm.buffer.load.i32 %r[%n] : !vm.buffer -> i32
    %4 = vm.buffer.hash %r, %n, %1 : !vm.buffer -> i64
    %5 = vm.add.i32 %2, %3 : i32
    %6 = vm.buffer.clone %0, %n, %1, %c16 : !vm.buffer -> !vm.buffer
    vm.return %6, %5, %4 : !vm.buffer, i32, i64
  }

  vm.export @casts
  vm.func @casts(%r: !vm.ref<?>, %a: i64, %b: i32) -> (!vm.buffer, i32, i64) {
    %0 = vm.cast.any.ref %r : !vm.ref<?> -> !vm.buffer
    %1 = vm.trunc.i64.i32 %a : i64 -> i32
    %2 = vm.shl.i64 %a, %b : i64
    %3 = vm.cmp.lt.i64.s %a, %2 : i64
    %4 = vm.cmp.nz.ref %r : !vm.ref<?>
    %5 = vm.add.i32 %1, %3 : i32
    %6 = vm.add.i32 %5, %4 : i32
    vm.return %0, %6, %2 : !vm.buffer, i32, i64
  }
}
