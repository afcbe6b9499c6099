// Calls of native functions and of another compiled module. vm_imports_test.c provides `host`.
// FLAGS: --compile-from=vm
vm.module @imports {
  vm.import private @host.add(%a: i32, %b: i32) -> i32
  vm.import private @host.mixed(%a: i32, %b: i64, %c: f32, %d: f64, %e: !vm.buffer) -> (f64, i64, !vm.buffer, f32, i32)
  vm.import private @host.sum(%scale: i32, %values: i64 ...) -> i64
  vm.import private @host.tuples(%pairs: tuple<i32, i64> ..., %last: i32, %buffers: !vm.buffer ...) -> i64
  vm.import private @host.keep(%b: !vm.buffer)
  vm.import private @host.fail(%code: i32)
  vm.import private @host.wait(%n: i32) -> i32 attributes {vm.yield}
  vm.import private @host.wait_buffer(%n: i32, %b: !vm.buffer) -> !vm.buffer attributes {vm.yield}
  vm.import private @host.wait_sum(%n: i32, %values: i32 ...) -> i32 attributes {vm.yield}
  vm.import private optional @host.missing(%a: i32) -> i32
  vm.import private optional @host.add_more(%a: i32, %b: i32) -> i32
  vm.import private @behaviour.fibonacci(%n: i32) -> i32
  vm.import private @behaviour.recurse(%n: i32, %b: !vm.buffer) -> i32
  vm.import private @behaviour.yield_three(%a: i32, %b: !vm.buffer) -> (i32, !vm.buffer)
  vm.import private @behaviour.fail_deep(%n: i32, %b: !vm.buffer) -> (i32, !vm.buffer)

  vm.export @add
  vm.func @add(%a: i32, %b: i32) -> i32 {
    %0 = vm.call @host.add(%a, %b) : (i32, i32) -> i32
    vm.return %0 : i32
  }
  vm.export @mixed
  vm.func @mixed(%a: i32, %b: i64, %c: f32, %d: f64, %e: !vm.buffer) -> (i32, f32, !vm.buffer, i64, f64) {
    %0:5 = vm.call @host.mixed(%a, %b, %c, %d, %e) : (i32, i64, f32, f64, !vm.buffer) -> (f64, i64, !vm.buffer, f32, i32)
    vm.return %0#4, %0#3, %0#2, %0#1, %0#0 : i32, f32, !vm.buffer, i64, f64
  }
  vm.export @sum
  vm.func @sum(%a: i64, %b: i64, %c: i64) -> (i64, i64, i64) {
    %scale = vm.const.i32 2
    %0 = vm.call.variadic @host.sum(%scale, []) : (i32, i64 ...) -> i64
    %1 = vm.call.variadic @host.sum(%scale, [%a]) : (i32, i64 ...) -> i64
    %2 = vm.call.variadic @host.sum(%scale, [%a, %b, %c]) : (i32, i64 ...) -> i64
    vm.return %0, %1, %2 : i64, i64, i64
  }
  vm.export @tuples
  vm.func @tuples(%a: i32, %b: i64, %c: i32, %d: i64, %last: i32, %e: !vm.buffer) -> (i64, i64) {
    %0 = vm.call.variadic @host.tuples([(%a, %b), (%c, %d)], %last, [%e, %e, %e])
        : (tuple<i32, i64> ..., i32, !vm.buffer ...) -> i64
    %1 = vm.call.variadic @host.tuples([], %last, [])
        : (tuple<i32, i64> ..., i32, !vm.buffer ...) -> i64
    vm.return %0, %1 : i64, i64
  }
  // The last use gives the reference away, the ones before do not.
  vm.export @keep
  vm.func @keep(%b: !vm.buffer) {
    vm.call @host.keep(%b) : (!vm.buffer) -> ()
    vm.call @host.keep(%b) : (!vm.buffer) -> ()
    vm.return
  }
  vm.export @fail
  vm.func @fail(%code: i32) {
    vm.call @host.fail(%code) : (i32) -> ()
    vm.return
  }
  vm.export @wait
  vm.func @wait(%n: i32) -> i32 {
    vm.call.yieldable @host.wait(%n) : (i32) -> ^resume(i32)
  ^resume(%r: i32):
    %one = vm.const.i32 1
    %s = vm.add.i32 %r, %one : i32
    vm.return %s : i32
  }
  // The same function through a call that is not marked: it may wait all the same.
  vm.export @wait_plain
  vm.func @wait_plain(%n: i32) -> i32 {
    %r = vm.call @host.wait(%n) : (i32) -> i32
    vm.return %r : i32
  }
  vm.export @wait_buffer
  vm.func @wait_buffer(%n: i32, %b: !vm.buffer) -> !vm.buffer {
    vm.call.yieldable @host.wait_buffer(%n, %b) : (i32, !vm.buffer) -> ^resume(!vm.buffer)
  ^resume(%r: !vm.buffer):
    vm.return %r : !vm.buffer
  }
  vm.export @wait_sum
  vm.func @wait_sum(%n: i32, %a: i32, %b: i32) -> i32 {
    "vm.call.variadic.yieldable"(%n, %a, %b)[^resume] <{
      callee = @host.wait_sum,
      segment_sizes = dense<[-1, 2]> : vector<2xi16>,
      segment_types = [i32, i32],
      result_types = [i32]
    }> : (i32, i32, i32) -> ()
  ^resume(%r: i32):
    vm.return %r : i32
  }
  vm.export @optionals
  vm.func @optionals() -> (i32, i32) {
    %0 = vm.import.resolved @host.missing : i32
    %1 = vm.import.resolved @host.add_more : i32
    vm.return %0, %1 : i32, i32
  }
  vm.export @call_missing
  vm.func @call_missing(%a: i32) -> i32 {
    %0 = vm.call @host.missing(%a) : (i32) -> i32
    vm.return %0 : i32
  }
  vm.export @fibonacci_there
  vm.func @fibonacci_there(%n: i32) -> i32 {
    %0 = vm.call @behaviour.fibonacci(%n) : (i32) -> i32
    vm.return %0 : i32
  }
  vm.export @recurse_there
  vm.func @recurse_there(%n: i32, %b: !vm.buffer) -> i32 {
    %0 = vm.call @behaviour.recurse(%n, %b) : (i32, !vm.buffer) -> i32
    vm.return %0 : i32
  }
  vm.export @yield_there
  vm.func @yield_there(%a: i32, %b: !vm.buffer) -> (i32, !vm.buffer) {
    vm.call.yieldable @behaviour.yield_three(%a, %b) : (i32, !vm.buffer) -> ^resume(i32, !vm.buffer)
  ^resume(%r: i32, %c: !vm.buffer):
    vm.return %r, %c : i32, !vm.buffer
  }
  vm.export @fail_there
  vm.func @fail_there(%n: i32, %b: !vm.buffer) -> (i32, !vm.buffer) {
    %0:2 = vm.call @behaviour.fail_deep(%n, %b) : (i32, !vm.buffer) -> (i32, !vm.buffer)
    vm.return %0#0, %0#1 : i32, !vm.buffer
  }
}
