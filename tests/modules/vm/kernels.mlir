// An executable of format vmvx-bytecode-fb written by hand: kernels that behave, and kernels that do
// what a compiler would not.
// FLAGS: --compile-from=vm
vm.module @kernels {
  vm.import private @vmvx.add.2d.i32(%lhs: !vm.buffer, %lo: i64, %ls0: i64, %ls1: i64, %rhs: !vm.buffer, %ro: i64, %rs0: i64, %rs1: i64, %out: !vm.buffer, %oo: i64, %os0: i64, %os1: i64, %m: i64, %n: i64)
  vm.global.i32 private mutable @constant : i32
  vm.global.ref private mutable @kept : !vm.buffer

  vm.export @__set_constants
  vm.func @__set_constants(%values: !vm.buffer) {
    %c0 = vm.const.i64 0
    %0 = vm.buffer.load.i32 %values[%c0] : !vm.buffer -> i32
    vm.global.store.i32 %0, @constant : i32
    vm.return
  }

  // out[x] = in[x] * constants[1] + the executable's constant, an element a workgroup.
  vm.export @scale
  vm.func @scale(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) attributes {iree.reflection = {constant_count = "2", binding_count = "2"}} {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %one = vm.const.i64 1
    %in = vm.list.get.ref %bindings, %c0 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    %out = vm.list.get.ref %bindings, %c1 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    %factor = vm.buffer.load.i32 %constants[%one] : !vm.buffer -> i32
    %at = vm.ext.i32.i64.u %x : i32 -> i64
    %value = vm.buffer.load.i32 %in[%at] : !vm.buffer -> i32
    %scaled = vm.mul.i32 %value, %factor : i32
    %constant = vm.global.load.i32 @constant : i32
    %sum = vm.add.i32 %scaled, %constant : i32
    vm.buffer.store.i32 %sum, %out[%at] : i32 -> !vm.buffer
    vm.return
  }

  // Adds binding 0 to itself into binding 1, as 2 x 4, by vmvx.
  vm.export @double
  vm.func @double(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %zero = vm.const.i64 0
    %one = vm.const.i64 1
    %two = vm.const.i64 2
    %four = vm.const.i64 4
    %in = vm.list.get.ref %bindings, %c0 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    %out = vm.list.get.ref %bindings, %c1 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    vm.call @vmvx.add.2d.i32(%in, %zero, %four, %one, %in, %zero, %four, %one, %out, %zero, %four, %one, %two, %four) : (!vm.buffer, i64, i64, i64, !vm.buffer, i64, i64, i64, !vm.buffer, i64, i64, i64, i64, i64) -> ()
    vm.return
  }

  // Leaves (id, count, length of the local memory) of the last workgroup in binding 0.
  vm.export @where
  vm.func @where(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) attributes {iree.reflection = {binding_count = "1", local_memory = "4096"}} {
    %c0 = vm.const.i32 0
    %0 = vm.const.i64 0
    %1 = vm.const.i64 1
    %2 = vm.const.i64 2
    %3 = vm.const.i64 3
    %4 = vm.const.i64 4
    %5 = vm.const.i64 5
    %6 = vm.const.i64 6
    %out = vm.list.get.ref %bindings, %c0 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    vm.buffer.store.i32 %x, %local[%0] : i32 -> !vm.buffer
    %back = vm.buffer.load.i32 %local[%0] : !vm.buffer -> i32
    vm.buffer.store.i32 %back, %out[%0] : i32 -> !vm.buffer
    vm.buffer.store.i32 %y, %out[%1] : i32 -> !vm.buffer
    vm.buffer.store.i32 %z, %out[%2] : i32 -> !vm.buffer
    vm.buffer.store.i32 %cx, %out[%3] : i32 -> !vm.buffer
    vm.buffer.store.i32 %cy, %out[%4] : i32 -> !vm.buffer
    vm.buffer.store.i32 %cz, %out[%5] : i32 -> !vm.buffer
    %length = vm.buffer.length %local : !vm.buffer -> i64
    %length32 = vm.trunc.i64.i32 %length : i64 -> i32
    vm.buffer.store.i32 %length32, %out[%6] : i32 -> !vm.buffer
    vm.return
  }

  vm.export @yields
  vm.func @yields(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %c0 = vm.const.i32 0
    %0 = vm.const.i64 0
    %seven = vm.const.i32 7
    %out = vm.list.get.ref %bindings, %c0 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    vm.yield ^next
  ^next:
    vm.buffer.store.i32 %seven, %out[%0] : i32 -> !vm.buffer
    vm.return
  }

  // Keeps a binding beyond its dispatch.
  vm.export @keep
  vm.func @keep(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %c0 = vm.const.i32 0
    %0 = vm.list.get.ref %bindings, %c0 : (!vm.list<!vm.buffer>, i32) -> !vm.buffer
    vm.global.store.ref %0, @kept : !vm.buffer
    vm.return
  }
  vm.export @use_kept
  vm.func @use_kept(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %0 = vm.const.i64 0
    %kept = vm.global.load.ref @kept : !vm.buffer
    %value = vm.buffer.load.i32 %kept[%0] : !vm.buffer -> i32
    vm.buffer.store.i32 %value, %kept[%0] : i32 -> !vm.buffer
    vm.return
  }

  // Spoils the list of bindings for whoever comes next.
  vm.export @spoil
  vm.func @spoil(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %c0 = vm.const.i32 0
    %c9 = vm.const.i32 9
    %null = vm.const.ref.zero : !vm.buffer
    vm.list.resize %bindings, %c9 : (!vm.list<!vm.buffer>, i32)
    vm.list.set.ref %bindings, %c0, %null : (!vm.list<!vm.buffer>, i32, !vm.buffer)
    vm.return
  }

  vm.export @fails
  vm.func @fails(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    %code = vm.const.i32 9
    vm.fail %code, "refused by the kernel"
  }

  vm.export @spins
  vm.func @spins(%local: !vm.buffer, %constants: !vm.buffer, %bindings: !vm.list<!vm.buffer>, %x: i32, %y: i32, %z: i32, %sx: i32, %sy: i32, %sz: i32, %cx: i32, %cy: i32, %cz: i32) {
    vm.br ^again
  ^again:
    vm.br ^again
  }

  // No kernel.
  vm.export @helper
  vm.func @helper(%a: i32) -> i32 {
    vm.return %a : i32
  }
}
