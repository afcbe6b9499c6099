// What of the VM models seldom use: references of every origin, lists of one type, globals chosen at
// run time, branch tables, yields, breaks, failure.
// FLAGS: --compile-mode=vm --iree-vm-target-extension-f64

vm.module @vm {
  vm.global.i32 private mutable @g32 = 32 : i32
  vm.global.i64 private mutable @g64 = 64 : i64
  vm.global.f32 private mutable @gf32 = 2.5 : f32
  vm.global.f64 private mutable @gf64 = 6.25 : f64
  vm.global.ref private mutable @gref : !vm.buffer
  vm.rodata private @bytes dense<[1, 2, 3, 4, 5, 6, 7, 8]> : tensor<8xui8>

  vm.initializer {
    %b = vm.const.ref.rodata @bytes : !vm.buffer
    vm.global.store.ref %b, @gref : !vm.buffer
    vm.return
  }

  vm.export @globals
  vm.func @globals(%a: i32, %b: i64, %c: f32, %d: f64) -> (i32, i64, f32, f64) {
    %0 = vm.global.load.i32 @g32 : i32
    %1 = vm.global.load.i64 @g64 : i64
    %2 = vm.global.load.f32 @gf32 : f32
    %3 = vm.global.load.f64 @gf64 : f64
    vm.global.store.i32 %a, @g32 : i32
    vm.global.store.i64 %b, @g64 : i64
    vm.global.store.f32 %c, @gf32 : f32
    vm.global.store.f64 %d, @gf64 : f64
    vm.return %0, %1, %2, %3 : i32, i64, f32, f64
  }
  vm.export @global_ref
  vm.func @global_ref(%b: !vm.buffer) -> !vm.buffer {
    %old = vm.global.load.ref @gref : !vm.buffer
    vm.global.store.ref %b, @gref : !vm.buffer
    vm.return %old : !vm.buffer
  }
  vm.export @rodata
  vm.func @rodata() -> !vm.buffer {
    %b = vm.const.ref.rodata @bytes : !vm.buffer
    vm.return %b : !vm.buffer
  }
  vm.export @null
  vm.func @null() -> !vm.buffer {
    %z = vm.const.ref.zero : !vm.buffer
    vm.return %z : !vm.buffer
  }
  vm.export @length_of_null
  vm.func @length_of_null() -> i64 {
    %z = vm.const.ref.zero : !vm.buffer
    %n = vm.buffer.length %z : !vm.buffer -> i64
    vm.return %n : i64
  }
  vm.export @write_rodata
  vm.func @write_rodata() {
    %b = vm.const.ref.rodata @bytes : !vm.buffer
    %c0 = vm.const.i64 0
    %v = vm.const.i32 9
    vm.buffer.store.i32 %v, %b[%c0] : i32 -> !vm.buffer
    vm.return
  }
  vm.export @select_ref
  vm.func @select_ref(%i: i32, %a: !vm.buffer, %b: !vm.buffer) -> !vm.buffer {
    %r = vm.select.ref %i, %a, %b : !vm.buffer
    vm.return %r : !vm.buffer
  }
  vm.export @switch_ref
  vm.func @switch_ref(%i: i32, %a: !vm.buffer, %b: !vm.buffer, %d: !vm.buffer) -> !vm.buffer {
    %r = vm.switch.ref %i[%a, %b] else %d : !vm.buffer
    vm.return %r : !vm.buffer
  }
  vm.export @compare_ref
  vm.func @compare_ref(%a: !vm.buffer, %b: !vm.buffer) -> (i32, i32, i32) {
    %0 = vm.cmp.eq.ref %a, %b : !vm.buffer
    %1 = vm.cmp.ne.ref %a, %b : !vm.buffer
    %2 = vm.cmp.nz.ref %a : !vm.buffer
    vm.return %0, %1, %2 : i32, i32, i32
  }
  vm.export @switches
  vm.func @switches(%i: i32, %a: i32, %b: i64, %c: f32, %d: f64) -> (i32, i64, f32, f64) {
    %k1 = vm.const.i32 100
    %k2 = vm.const.i32 200
    %l1 = vm.const.i64 1000
    %l2 = vm.const.i64 2000
    %m1 = vm.const.f32 1.5
    %m2 = vm.const.f32 2.5
    %n1 = vm.const.f64 10.5
    %n2 = vm.const.f64 20.5
    %0 = vm.switch.i32 %i[%k1, %k2] else %a : i32
    %1 = vm.switch.i64 %i[%l1, %l2] else %b : i64
    %2 = vm.switch.f32 %i[%m1, %m2] else %c : f32
    %3 = vm.switch.f64 %i[%n1, %n2] else %d : f64
    vm.return %0, %1, %2, %3 : i32, i64, f32, f64
  }
  vm.export @table
  vm.func @table(%i: i32) -> i32 {
    %c0 = vm.const.i32 0
    %c5 = vm.const.i32 5
    %c6 = vm.const.i32 6
    %c7 = vm.const.i32 7
    vm.br_table %i {
      default: ^done(%c0 : i32),
      0: ^done(%c5 : i32),
      1: ^one(%c6 : i32),
      2: ^done(%c7 : i32)
    }
  ^one(%v: i32):
    %w = vm.mul.i32 %v, %v : i32
    vm.br ^done(%w : i32)
  ^done(%r: i32):
    vm.return %r : i32
  }
  // The operands of the back edge swap each other's registers.
  vm.export @swap_loop
  vm.func @swap_loop(%n: i32, %a: i32, %b: i64, %c: i32) -> (i32, i32, i64) {
    %c1 = vm.const.i32 1
    vm.br ^loop(%n, %a, %c, %b : i32, i32, i32, i64)
  ^loop(%i: i32, %x: i32, %y: i32, %z: i64):
    %go = vm.cmp.nz.i32 %i : i32
    vm.cond_br %go, ^next, ^out
  ^next:
    %m = vm.sub.i32 %i, %c1 : i32
    vm.br ^loop(%m, %y, %x, %z : i32, i32, i32, i64)
  ^out:
    vm.return %x, %y, %z : i32, i32, i64
  }
  vm.export @swap_refs
  vm.func @swap_refs(%n: i32, %a: !vm.buffer, %b: !vm.buffer) -> (!vm.buffer, !vm.buffer) {
    %c1 = vm.const.i32 1
    vm.br ^loop(%n, %a, %b : i32, !vm.buffer, !vm.buffer)
  ^loop(%i: i32, %x: !vm.buffer, %y: !vm.buffer):
    %go = vm.cmp.nz.i32 %i : i32
    vm.cond_br %go, ^next, ^out
  ^next:
    %m = vm.sub.i32 %i, %c1 : i32
    vm.br ^loop(%m, %y, %x : i32, !vm.buffer, !vm.buffer)
  ^out:
    vm.return %x, %y : !vm.buffer, !vm.buffer
  }
  vm.export @yields
  vm.func @yields(%n: i32) -> i32 {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    vm.br ^loop(%n, %c0 : i32, i32)
  ^loop(%i: i32, %s: i32):
    %go = vm.cmp.nz.i32 %i : i32
    vm.cond_br %go, ^next, ^out
  ^next:
    %m = vm.sub.i32 %i, %c1 : i32
    %t = vm.add.i32 %s, %i : i32
    vm.yield ^loop(%m, %t : i32, i32)
  ^out:
    vm.return %s : i32
  }
  vm.export @breaks
  vm.func @breaks(%n: i32) -> i32 {
    vm.break ^on(%n : i32)
  ^on(%r: i32):
    vm.return %r : i32
  }
  vm.export @fails
  vm.func @fails(%code: i32) {
    vm.fail %code, "refused by the model"
  }
  vm.export @prints
  vm.func @prints(%a: i32, %b: i64) {
    vm.print "values"(%a, %b) : i32, i64
    vm.trace "event"(%a) : i32
    vm.return
  }
  vm.export @lists
  vm.func @lists(%n: i32, %a: i32, %b: i64, %c: f32, %d: f64) -> (i32, i64, f32, f64, i32) {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %l32 = vm.list.alloc %n : (i32) -> !vm.list<i32>
    vm.list.resize %l32, %n : (!vm.list<i32>, i32)
    vm.list.set.i32 %l32, %c1, %a : (!vm.list<i32>, i32, i32)
    %0 = vm.list.get.i32 %l32, %c1 : (!vm.list<i32>, i32) -> i32
    %l64 = vm.list.alloc %n : (i32) -> !vm.list<i64>
    vm.list.resize %l64, %n : (!vm.list<i64>, i32)
    vm.list.set.i64 %l64, %c1, %b : (!vm.list<i64>, i32, i64)
    %1 = vm.list.get.i64 %l64, %c1 : (!vm.list<i64>, i32) -> i64
    %lf32 = vm.list.alloc %n : (i32) -> !vm.list<f32>
    vm.list.resize %lf32, %n : (!vm.list<f32>, i32)
    vm.list.set.f32 %lf32, %c1, %c : (!vm.list<f32>, i32, f32)
    %2 = vm.list.get.f32 %lf32, %c1 : (!vm.list<f32>, i32) -> f32
    %lf64 = vm.list.alloc %n : (i32) -> !vm.list<f64>
    vm.list.resize %lf64, %n : (!vm.list<f64>, i32)
    vm.list.set.f64 %lf64, %c1, %d : (!vm.list<f64>, i32, f64)
    %3 = vm.list.get.f64 %lf64, %c1 : (!vm.list<f64>, i32) -> f64
    vm.list.reserve %l32, %a : (!vm.list<i32>, i32)
    %s = vm.list.size %l32 : (!vm.list<i32>) -> i32
    vm.return %0, %1, %2, %3, %s : i32, i64, f32, f64, i32
  }
  vm.export @list_i8
  vm.func @list_i8(%v: i32) -> (i32, i32) {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %l8 = vm.list.alloc %c1 : (i32) -> !vm.list<i8>
    vm.list.resize %l8, %c1 : (!vm.list<i8>, i32)
    vm.list.set.i32 %l8, %c0, %v : (!vm.list<i8>, i32, i32)
    %0 = vm.list.get.i32 %l8, %c0 : (!vm.list<i8>, i32) -> i32
    %l16 = vm.list.alloc %c1 : (i32) -> !vm.list<i16>
    vm.list.resize %l16, %c1 : (!vm.list<i16>, i32)
    vm.list.set.i32 %l16, %c0, %v : (!vm.list<i16>, i32, i32)
    %1 = vm.list.get.i32 %l16, %c0 : (!vm.list<i16>, i32) -> i32
    vm.return %0, %1 : i32, i32
  }
  vm.export @list_shrink
  vm.func @list_shrink(%a: !vm.buffer, %to: i32, %at: i32) -> (!vm.buffer, i32) {
    %c0 = vm.const.i32 0
    %c4 = vm.const.i32 4
    %l = vm.list.alloc %c4 : (i32) -> !vm.list<?>
    vm.list.resize %l, %c4 : (!vm.list<?>, i32)
    vm.list.set.ref %l, %c0, %a : (!vm.list<?>, i32, !vm.buffer)
    vm.list.resize %l, %to : (!vm.list<?>, i32)
    %r = vm.list.get.ref %l, %at : (!vm.list<?>, i32) -> !vm.buffer
    %s = vm.list.size %l : (!vm.list<?>) -> i32
    vm.return %r, %s : !vm.buffer, i32
  }
  vm.export @list_of_any
  vm.func @list_of_any(%a: !vm.buffer, %v: i32) -> !vm.list<?> {
    %c0 = vm.const.i32 0
    %c1 = vm.const.i32 1
    %c2 = vm.const.i32 2
    %l = vm.list.alloc %c2 : (i32) -> !vm.list<?>
    vm.list.resize %l, %c2 : (!vm.list<?>, i32)
    vm.list.set.ref %l, %c0, %a : (!vm.list<?>, i32, !vm.buffer)
    vm.list.set.i32 %l, %c1, %v : (!vm.list<?>, i32, i32)
    vm.return %l : !vm.list<?>
  }
  // The stored kind and the one asked for differ: numbers convert, references do not.
  vm.export @list_convert
  vm.func @list_convert(%l: !vm.list<?>) -> (i32, i64, i32) {
    %c0 = vm.const.i32 0
    %0 = vm.list.get.i32 %l, %c0 : (!vm.list<?>, i32) -> i32
    %1 = vm.list.get.i64 %l, %c0 : (!vm.list<?>, i32) -> i64
    %2 = vm.list.size %l : (!vm.list<?>) -> i32
    vm.return %0, %1, %2 : i32, i64, i32
  }
  vm.export @buffers
  vm.func @buffers(%src: !vm.buffer, %offset: i64, %length: i64) -> (!vm.buffer, i64) {
    %c0 = vm.const.i64 0
    %align = vm.const.i32 16
    %r = vm.buffer.clone %src, %offset, %length, %align : !vm.buffer -> !vm.buffer
    %h = vm.buffer.hash %src, %offset, %length : !vm.buffer -> i64
    vm.return %r, %h : !vm.buffer, i64
  }
  vm.export @buffer_words
  vm.func @buffer_words(%v: i64) -> (!vm.buffer, i32, i32, i32, i32, i64) {
    %c0 = vm.const.i64 0
    %c1 = vm.const.i64 1
    %c2 = vm.const.i64 2
    %c3 = vm.const.i64 3
    %c4 = vm.const.i64 4
    %c8 = vm.const.i64 8
    %c32 = vm.const.i64 32
    %align = vm.const.i32 16
    %lo = vm.trunc.i64.i32 %v : i64 -> i32
    %r = vm.buffer.alloc %c32, %align : !vm.buffer
    vm.buffer.fill.i8 %r, %c0, %c8, %lo : i32 -> !vm.buffer
    vm.buffer.fill.i16 %r, %c8, %c8, %lo : i32 -> !vm.buffer
    vm.buffer.store.i8 %lo, %r[%c1] : i32 -> !vm.buffer
    vm.buffer.store.i16 %lo, %r[%c1] : i32 -> !vm.buffer
    vm.buffer.store.i32 %lo, %r[%c4] : i32 -> !vm.buffer
    vm.buffer.store.i64 %v, %r[%c3] : i64 -> !vm.buffer
    %0 = vm.buffer.load.i8.s %r[%c2] : !vm.buffer -> i32
    %1 = vm.buffer.load.i8.u %r[%c2] : !vm.buffer -> i32
    %2 = vm.buffer.load.i16.s %r[%c1] : !vm.buffer -> i32
    %3 = vm.buffer.load.i16.u %r[%c1] : !vm.buffer -> i32
    %4 = vm.buffer.load.i64 %r[%c1] : !vm.buffer -> i64
    vm.return %r, %0, %1, %2, %3, %4 : !vm.buffer, i32, i32, i32, i32, i64
  }
  // A buffer as large as its argument says.
  vm.export @allocate
  vm.func @allocate(%size: i64) -> i64 {
    %align = vm.const.i32 0
    %r = vm.buffer.alloc %size, %align : !vm.buffer
    %n = vm.buffer.length %r : !vm.buffer -> i64
    vm.return %n : i64
  }
}
