// Initialisers that wait, and what runs at the end.
// FLAGS: --compile-from=vm
vm.module @init {
  vm.import private @host.wait(%n: i32) -> i32 attributes {vm.yield}
  vm.import private @host.add(%a: i32, %b: i32) -> i32
  vm.global.i32 mutable @state : i32
  vm.global.ref mutable @kept : !vm.buffer

  vm.export @__init
  vm.func @__init() {
    %three = vm.const.i32 3
    %sixteen = vm.const.i32 16
    %length = vm.const.i64 100
    %b = vm.buffer.alloc %length, %sixteen : !vm.buffer
    vm.global.store.ref %b, @kept : !vm.buffer
    vm.yield ^go
  ^go:
    vm.call.yieldable @host.wait(%three) : (i32) -> ^done(i32)
  ^done(%r: i32):
    vm.global.store.i32 %r, @state : i32
    vm.return
  }
  vm.export @__deinit
  vm.func @__deinit() {
    %s = vm.global.load.i32 @state : i32
    %r = vm.call @host.add(%s, %s) : (i32, i32) -> i32
    vm.return
  }
  vm.export @get
  vm.func @get() -> i32 {
    %s = vm.global.load.i32 @state : i32
    vm.return %s : i32
  }
}
